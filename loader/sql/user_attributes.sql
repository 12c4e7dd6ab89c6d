-- Wide to long. Columns are told by position, c0 to cN: two attributes whose names differ in case only are two
-- attributes. UNPIVOT leaves out the empty cells.
with cells as (
    unpivot (from csv(getvariable('file'), getvariable('columns'), ''))
    on columns(* exclude (line))
    into name column_name value attribute_value
)

select
    user_lines.chatfuel_user_id,
    wanted_columns.attribute_name,
    cells.attribute_value
from cells
inner join user_lines on user_lines.line = cells.line and user_lines.file = getvariable('file')
inner join wanted_columns on wanted_columns.column_name = cells.column_name
