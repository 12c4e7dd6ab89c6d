-- The shape of a CSV, before anything is taken from it. It is read with one column more, `beyond`, and with a text
-- that no cell holds as the only null: so a null is a cell that is not there.
create or replace temp table checked_rows as
select
    line,
    {user_column}::varchar as chatfuel_user_id,
    {last_column} is null or beyond is not null or chatfuel_user_id = '' as is_wrong
from csv(getvariable('file'), getvariable('columns_and_beyond'), chr(1))
