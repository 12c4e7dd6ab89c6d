select
    user_lines.chatfuel_user_id,
    wanted_columns.attribute_name,
    cells.cell as attribute_value
from read_parquet(getvariable('read_file')) as cells
inner join user_lines on user_lines.line = cells.line and user_lines.file = getvariable('file')
inner join wanted_columns on wanted_columns.column_name = cells.column_name
