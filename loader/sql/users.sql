select csv.*
from csv(getvariable('file'), getvariable('columns'), '') as csv
semi join pull_users using (chatfuel_user_id)
semi join (from last_lines where file = getvariable('file')) as last_lines using (line)
