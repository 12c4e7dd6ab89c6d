-- A landed CSV, every row numbered and every cell as served: nothing is taken for a number, a date or a null but
-- `null_text`. Padding (null_padding) lets short rows pass, so that check_rows.sql can find them. The longest line
-- sets the size of the buffers: 16 such lines each.
create macro csv(path, column_types, null_text) as table
select
    row_number() over () as line,
    *
from read_csv(
    path,
    columns = column_types,
    auto_detect = false,
    compression = 'gzip',
    hive_partitioning = false,
    header = true,
    delim = ',',
    quote = '"',
    escape = '"',
    nullstr = null_text,
    null_padding = true,
    parallel = false,
    strict_mode = true,
    max_line_size = 2000000
)
