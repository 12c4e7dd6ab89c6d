"""What the reader of wide CSV takes as it is, and what it refuses, with the place and without the value."""

import gzip
import traceback

import pytest

from loader.errors import ContractError
from loader.wide_csv import WideCsv

BLOCKS = [1, 2, 3, 7, 64, 1 << 20]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a CSV in blocks of any size, and returns its header and rows, the same of all."""

    def read(text: str | bytes, names=None, blocks=BLOCKS):
        path = tmp_path / "wide.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        (first, *others) = (read_all(path, names, block) for block in blocks)
        assert all(other == first for other in others)
        return first

    return read


def read_all(path, names, size):
    csv = WideCsv(path, size)
    names = csv.header if names is None else names
    rows = []
    for block in csv.blocks(names):
        assert block.first == len(rows)
        rows += [[""] * len(names) for _ in range(block.rows)]
        for row, column, value in zip(block.row, block.column, block.values.to_pylist(), strict=True):
            rows[block.first + row][column] = value
    return csv.header, rows


@pytest.fixture
def refuses(tmp_path):
    """Return a function that reads what must be refused, in blocks of any size, and returns the message."""

    def refuses(text: str | bytes, block: int | None = None) -> str:
        path = tmp_path / "wide.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        messages = set()
        for size in [block] if block else BLOCKS:
            with pytest.raises(ContractError) as caught:
                read_all(path, None, size)
            whole = "".join(traceback.format_exception(caught.value))
            assert "secret" not in whole
            assert caught.value.__context__ is None
            messages.add(caught.value.message)
        (message,) = messages
        assert message.startswith("wide.csv, ")
        return message

    return refuses


@pytest.mark.parametrize(
    "value",
    ["a\rb", "\r", "a\0b", "\x01", "a\\", "'", "NA", "007", " ", "é", "💚", ";", "\ufeff", "a\x85b"],
    ids=repr,
)
def test_a_value_without_quotes_is_what_its_bytes_are(read, value):
    assert read(f"id,a,b\n1,{value},x\n2,y,{value}\n")[1] == [["1", value, "x"], ["2", "y", value]]


@pytest.mark.parametrize(
    "value", ["a,b", "\n", "\r\n", "a\r\nb", '"', '""', 'say "x", twice', ',",\n"', "plain"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_value_in_quotes_is_what_is_between_them(read, value, end):
    quoted = '"' + value.replace('"', '""') + '"'
    assert read(f"id,a,b{end}1,{quoted},x{end}2,y,{quoted}{end}")[1] == [["1", value, "x"], ["2", "y", value]]


def test_a_value_may_have_six_million_characters_and_a_row_be_longer_than_a_block(read):
    long = 'é, "x"\n' * 900_000
    quoted = '"' + long.replace('"', '""') + '"'
    assert read(f"id,a\n1,{quoted}\n2,x\n", blocks=[4 << 20])[1] == [["1", long], ["2", "x"]]


def test_names_may_hold_quotes_and_line_breaks_whatever_ends_the_rows(read):
    assert read('id,"a\r\nb","c ""d"", e"\n1,x,y\n') == (["id", "a\r\nb", 'c "d", e'], [["1", "x", "y"]])
    assert read('id,"a\nb"\r\n1,x\r\n') == (["id", "a\nb"], [["1", "x"]])


def test_an_empty_cell_is_no_cell_quoted_or_not(read):
    assert read('id,a,b\n"","",\n')[1] == [["", "", ""]]


def test_a_byte_order_mark_is_no_part_of_the_header(read):
    assert read(b'\xef\xbb\xbf"id",a\n1,x\n') == (["id", "a"], [["1", "x"]])


def test_only_the_columns_asked_for_are_read_and_one_that_is_missing_is_empty(read):
    assert read("id,a,b\n1,x,y\n", ["b", "z", "id"])[1] == [["y", "", "1"]]


def test_a_gzipped_file_is_unpacked_and_a_damaged_one_refused(tmp_path):
    path = tmp_path / "wide.csv.gz"
    packed = gzip.compress(b"id,a\n1,x\n" * 1 + b"2,y\n" * 5000)
    path.write_bytes(packed)
    assert len(read_all(path, None, 100)[1]) == 5001
    path.write_bytes(packed[:-20])
    with pytest.raises(ContractError, match=r"wide\.csv\.gz.* damaged or cut short"):
        read_all(path, None, 100)


def test_a_column_that_is_there_twice_is_one(read):
    assert read("id,a,a\n1,x,x\n2,,\n", ["id", "a"])[1] == [["1", "x"], ["2", ""]]


@pytest.mark.parametrize("other", ["secret", ""])
def test_a_column_that_is_there_twice_with_different_values_is_refused(refuses, other):
    assert "row 2, column 'a': a column of the same name" in refuses(f"id,a,a\n1,x,x\n2,y,{other}\n")


@pytest.mark.parametrize("row", ["2", "2,", "2,secret,x,y", "2,,,", "", ",,,", '2,"secret,x"'])
@pytest.mark.parametrize("after", ["", "3,x,y\n", "3\n"])
def test_a_row_of_another_width_than_the_header_is_refused(refuses, row, after):
    assert "row 2: it has not the 3 cells of the header" in refuses(f"id,a,b\n1,x,y\n{row}\n{after}")


def test_a_row_that_ends_otherwise_than_the_header_is_refused(refuses):
    assert "row 2: it has not the 2 cells of the header" in refuses("id,a\r\n1,x\r\n2,y\n3,z\r\n")


@pytest.mark.parametrize("cell", ['sec"ret', 'secret"', ' "secret"', 's""x', 'secret"x"'])
def test_a_quote_in_a_cell_that_does_not_begin_with_one_is_refused(refuses, cell):
    assert "row 2, column 'a': a quote in a cell" in refuses(f'id,a,b\n1,"x",y\n2,{cell},"y"\n3,x,y\n')


@pytest.mark.parametrize("cell", ['"secret"x', '"secret" ', '"se"cret"', '""secret', '"secret"\r'])
def test_text_behind_the_quotes_of_a_cell_is_refused(refuses, cell):
    assert "row 2, column 'b': text behind the quotes" in refuses(f'id,a,b\n1,"x",y\n2,"y,",{cell}\n3,x,y\n')


@pytest.mark.parametrize("end", ['2,"y\n', '2,"secret', '2,"secret""', '2,"a ""secret\n3,x\n4,y\n'])
def test_a_file_that_ends_within_quotes_is_refused(refuses, end):
    assert "row 2, column 'a': the file ends within quotes" in refuses(f'id,a\n1,"x"\n{end}')


@pytest.mark.parametrize(
    ("end", "column"),
    [("2", "'id'"), ("2,secret", "'a'"), ("2,", "'a'"), ('2,"secret"', "'a'"), ("2,x\r", "'a'")],
)
def test_a_file_that_does_not_end_with_a_row_is_refused(refuses, end, column):
    assert f"row 2, column {column}: the file ends within a row" in refuses(f"id,a\n1,x\n{end}")


@pytest.mark.parametrize("value", [b"secret\xff", b"\xed\xa0\x80", b'"\xc3"', b'"a ""\xe9"', b"\x80"])
def test_what_is_not_utf8_is_refused(refuses, value):
    assert "row 2, column 'b': it is not UTF-8" in refuses(b"id,a,b\n1,x,y\n2,x," + value + b"\n3,x,y\n")


def test_a_header_that_is_not_utf8_is_refused(refuses):
    assert "header: it is not UTF-8" in refuses(b"id,\xff\n1,x\n")


def test_the_header_once_more_further_down_is_refused(refuses):
    assert "row 2: it is the header once more" in refuses("id,a\n1,x\nid,a\n3,y\n")


@pytest.mark.parametrize("text", ["", "id,a", '"id\n1,x\n', "\ufeff"])
def test_a_file_without_a_header_is_refused(refuses, text):
    assert "it does not begin with the header of a CSV" in refuses(text)


def test_semicolons_in_place_of_commas_are_told(refuses):
    assert "semicolons" in refuses("id;a\n1;secret\n")


def test_a_row_without_end_is_refused_before_it_fills_the_memory(refuses, monkeypatch):
    monkeypatch.setattr("loader.wide_csv._LONGEST_ROW", 1000)
    text = 'id,a\n1,x\n2,"secret\n' + "3,x\n" * 10_000
    assert "row 2, column 'a': the row has more than 64 MB" in refuses(text, block=100)
