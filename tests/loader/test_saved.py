"""Files that went through a spreadsheet before `import`: understood where that is certain, else refused in one sentence."""

import gzip

import pytest

HEADER = "chatfuel user id,first name,signed up,Segment\n"
IDS = ["7878746085532623", "7878746085532699", "24158746085532611", "7878746085532001", "7878746085532077"]
PLAIN = HEADER + "".join(f"{user},Zoë,2024-06-01 10:00:00,lead\n" for user in IDS)


@pytest.fixture
def load(run, tmp_path):
    def of(content, name="people.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("import", str(tmp_path / name), "--bot", "botA", "--as-of", "2024-06-03")

    return of


@pytest.mark.parametrize(
    "content",
    [
        PLAIN, PLAIN.replace(",", ";"), PLAIN.replace(",", "\t"), "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        "sep=,\n" + PLAIN, PLAIN.replace(",", "\t").encode("utf-16"), PLAIN.encode("utf-8-sig"),
        PLAIN.replace("chatfuel user id", "Chatfuel User ID").replace("first name", "First Name"),
        PLAIN.replace("\n", "\r"), gzip.compress(PLAIN.encode()), gzip.compress(PLAIN.replace(",", "\t").encode("utf-16")),
        PLAIN.replace("\n", ",,\n"), "\ufeff" + PLAIN.replace(",", ";").replace("chatfuel user id", '"chatfuel user id"'),
    ],
    ids=["plain", "semicolons", "tabs", "sep=;", "sep=,", "utf-16", "mark", "case", "carriage returns", "gzipped", "gzipped utf-16", "empty columns", "all at once"],
)  # fmt: skip
def test_what_is_certain_is_understood(load, query, content):
    result = load(content)
    assert result.exit_code == 0, result.output
    assert query("select chatfuel_user_id, first_name, signed_up from users order by 1") == sorted(
        (user, "Zoë", "2024-06-01 10:00:00") for user in IDS
    )
    assert query("select distinct attribute_value from user_attributes where attribute_name = 'Segment'") == [
        ("lead",)
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PLAIN.replace(IDS[1], "7.87875E+15"), "row 2, column 'chatfuel user id': a spreadsheet has rounded the ids"),
        (PLAIN.replace(IDS[2], "2,41587E+16").replace(",", ";").replace("2;4", "2,4"), "row 3, column 'chatfuel user id': a spreadsheet has rounded"),
        (HEADER + "".join(f"{user[:15]}{'0' * len(user[15:])},A,,\n" for user in IDS), "column 'chatfuel user id': a spreadsheet has rounded the ids"),
        (PLAIN.replace(IDS[1], "'" + IDS[1]), "row 2, column 'chatfuel user id': it is no user's id"),
        (PLAIN + "Total: 5,,,\n", "row 6, column 'chatfuel user id': it is no user's id"),
        (PLAIN + "Total: 5\n", "row 6: it has not the 4 cells"),
        (PLAIN.replace("2024-06-01 10:00:00", "6/1/24 10:00"), "row 1, column 'signed up': a spreadsheet has changed the times"),
        (PLAIN.encode("cp1252"), "people.csv, row 1, column 'first name': it is not UTF-8"),
        (PLAIN.replace(",", ";").encode("cp1252"), "it is not UTF-8"),
        (PLAIN.replace(",", ";") + '"open', "it is no CSV"),
        (PLAIN.replace("\n", ",\n").replace("lead,", "lead,x"), "row 1, column 4: it has a cell without a name"),
        (PLAIN.replace(",", "|"), "it is no export of Chatfuel's People page"),
        (b"PK\x03\x04\x00\x00", "people.csv"), (gzip.compress(PLAIN.encode())[:-9], "it cannot be unpacked"),
        (HEADER, "An export of the users is empty"),
    ],
    ids=["rounded", "rounded, comma", "zeros", "apostrophe", "total", "short total", "dates", "cp1252", "cp1252 semicolons",
         "open quote", "nameless", "pipes", "xlsx", "cut", "empty"],
)  # fmt: skip
def test_what_is_not_is_refused_in_words_that_fit_a_file(load, tmp_path, content, says):
    result = load(content)
    assert result.exit_code == (7 if "empty" in says else 5)
    assert says in result.stderr
    assert "Nothing was loaded. Export it again" in result.stderr
    assert "Pull again" not in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_browser_may_have_unpacked_a_file_and_kept_its_name(load, query):
    assert load(PLAIN, "people.csv.gz").exit_code == 0
    assert query("select count(*) from users") == [(len(IDS),)]


def test_a_name_with_a_line_break_is_none_of_a_spreadsheet(load, query):
    assert load('"chatfuel user id";"a\nb"\n1;x\n').exit_code == 0
    assert query("select attribute_name from user_attributes where attribute_value = 'x'") == [("a\nb",)]
