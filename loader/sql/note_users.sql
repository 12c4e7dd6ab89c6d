-- A user may be in one export twice: the last row counts.
insert into user_lines
select
    getvariable('file') as file,
    chatfuel_user_id,
    max(line) as line
from checked_rows
group by chatfuel_user_id
