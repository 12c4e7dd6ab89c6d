select cells.*
from csv(getvariable('file'), getvariable('columns'), '') as cells
inner join user_lines on user_lines.line = cells.line and user_lines.file = getvariable('file')
