-- The shape of a CSV, before anything is taken from it. The columns are given with one more, `beyond`. With a text
-- that no cell holds as the only null, a null is a cell that is not there.
create or replace temp table checked_rows as
select
    line,
    {user_column}::varchar as chatfuel_user_id,
    {last_column} is null or beyond is not null as is_wrong_width
from csv(getvariable('file'), getvariable('columns_and_beyond'), chr(1))
