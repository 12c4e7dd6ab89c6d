select distinct
    getvariable('broadcast_id') as broadcast_id,
    chatfuel_user_id
from csv(getvariable('file'), getvariable('columns'), '')
