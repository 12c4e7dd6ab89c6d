-- The users of the pull are those in every export. Who signed up or was deleted between two downloads is left out;
-- otherwise values that were not served would look like values that were cleared.
delete from user_lines
where chatfuel_user_id in (
    select chatfuel_user_id
    from user_lines
    group by chatfuel_user_id
    having count(*) < getvariable('exports')
)
