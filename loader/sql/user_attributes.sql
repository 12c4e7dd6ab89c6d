-- Wide to long. Columns are told by position, c0 to cN: two attributes whose names differ in case only are two
-- attributes. UNPIVOT leaves out the empty cells.
with cells as (
    unpivot (from csv(getvariable('file'), getvariable('columns'), ''))
    on columns(* exclude (line))
    into name column_name value attribute_value
)

select
    last_lines.chatfuel_user_id,
    wanted_columns.attribute_name,
    cells.attribute_value
from cells
inner join wanted_columns using (column_name)
inner join last_lines on last_lines.line = cells.line and last_lines.file = getvariable('file')
semi join pull_users on pull_users.chatfuel_user_id = last_lines.chatfuel_user_id
