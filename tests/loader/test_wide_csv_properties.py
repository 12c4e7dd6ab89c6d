"""Any table that Python's ``csv`` writes is read back as it was, wherever blocks begin and end."""

import csv
import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader.wide_csv import WideCsv
from tests.loader.test_wide_csv import read_all

CELLS = st.one_of(st.just(""), st.text(st.sampled_from('a,"\n\r;é💚\0 \x01'), max_size=6))


@st.composite
def tables(draw):
    columns = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=columns, max_size=columns), max_size=5))
    names = [f"{number}{draw(CELLS)}." for number in range(columns)]
    return [[name.replace(";", "") for name in names], *rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_csv_writes_is_read_with_block_borders_at_every_byte(tmp_path, table, end, quoting):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(table)
    content = text.getvalue().encode()
    path = tmp_path / "wide.csv"
    path.write_bytes(content)
    header, *rows = table
    assert header == WideCsv(path).header
    for size in range(1, len(content) + 1):
        assert read_all(path, None, size) == (header, rows)
