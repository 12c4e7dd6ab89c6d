select distinct
    getvariable('broadcast_id') as broadcast_id,
    {columns}
from read_parquet(getvariable('read_file'))
