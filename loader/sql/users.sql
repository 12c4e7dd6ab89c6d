select {columns}
from read_parquet(getvariable('read_file')) as users
inner join user_lines on user_lines.line = users.line and user_lines.file = getvariable('file')
