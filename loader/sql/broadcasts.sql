select
    line as row_number,
    * exclude (line)
from csv(getvariable('file'), getvariable('columns'), '')
