select
    line as row_number,
    {columns}
from read_parquet(getvariable('read_file'))
