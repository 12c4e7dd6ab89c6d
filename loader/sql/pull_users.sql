-- The users of the pull: those in every export. Who signed up or was deleted between two downloads is left out;
-- otherwise values that were not asked for would look like values that were cleared.
create temp table pull_users as
select chatfuel_user_id
from last_lines
group by chatfuel_user_id
having count(*) = (select count(distinct file) from last_lines)
