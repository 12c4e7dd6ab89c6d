"""Settings from the environment and from .env."""

import os
import re
from pathlib import Path

import pytest

from loader.errors import ConfigurationError
from loader.settings import read_settings


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("CHATFUEL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_defaults():
    settings = read_settings()
    assert settings.base_url == "https://dashboard.chatfuel.com"
    assert settings.landing == "data/landing"
    assert settings.duckdb_path == Path("data/chatfuel.duckdb")


def test_a_file_env_is_read_and_the_environment_wins(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("CHATFUEL_TOKEN=from-the-file\nCHATFUEL_BOT_ID=file\n")
    monkeypatch.setenv("CHATFUEL_BOT_ID", "environment")
    settings = read_settings()
    assert (settings.token, settings.bot_ids) == ("from-the-file", ("environment",))


def test_a_file_env_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / ".env").write_text("CHATFUEL_BOT_ID=bot\n", "utf-8-sig")
    assert read_settings().bot_ids == ("bot",)


def test_an_empty_variable_counts_as_unset(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("CHATFUEL_LANDING=\n")
    monkeypatch.setenv("CHATFUEL_BASE_URL", "")
    settings = read_settings()
    assert (settings.landing, settings.base_url) == ("data/landing", "https://dashboard.chatfuel.com")


def test_the_token_may_be_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("the-token\n")
    monkeypatch.setenv("CHATFUEL_TOKEN_FILE", str(tmp_path / "secret"))
    assert read_settings().token == "the-token"


def test_a_token_file_that_cannot_be_read_is_named(monkeypatch):
    monkeypatch.setenv("CHATFUEL_TOKEN_FILE", "nowhere")
    with pytest.raises(ConfigurationError, match=r"CHATFUEL_TOKEN_FILE.*nowhere"):
        read_settings()


def test_a_token_may_be_pasted_with_its_scheme(monkeypatch):
    monkeypatch.setenv("CHATFUEL_TOKEN", "Bearer the-token")
    assert read_settings().token == "the-token"


def test_a_torn_token_is_told_without_showing_it(monkeypatch):
    monkeypatch.setenv("CHATFUEL_TOKEN", "the-tok en")
    with pytest.raises(ConfigurationError, match="white space") as caught:
        read_settings()
    assert "the-tok" not in caught.value.message


@pytest.mark.parametrize(("name", "attribute"), [("CHATFUEL_TOKEN", "token"), ("CHATFUEL_BOT_ID", "bot_ids")])
def test_what_is_missing_is_named_when_it_is_needed(name, attribute):
    settings = read_settings()
    with pytest.raises(ConfigurationError, match=name):
        getattr(settings, attribute)


def test_bots_are_separated_by_commas_each_once(monkeypatch):
    monkeypatch.setenv("CHATFUEL_BOT_ID", " a1, b2 ,,a1")
    assert read_settings().bot_ids == ("a1", "b2")


@pytest.mark.parametrize("bot_id", ["../a", "a b", "a/b", "."])
def test_a_bot_id_that_would_leave_the_landing_zone_is_refused(monkeypatch, bot_id):
    monkeypatch.setenv("CHATFUEL_BOT_ID", bot_id)
    with pytest.raises(ConfigurationError, match="CHATFUEL_BOT_ID"):
        read_settings()


@pytest.mark.parametrize(
    "url",
    [
        "dashboard.chatfuel.com",
        "ftp://host",
        "https://",
        "https://..",
        "http://a b",
        "http://h\r\nX: y",
        f"http://{'a' * 64}.b",
        "https://h/?x=1",
    ],
)
def test_a_base_url_that_is_none_is_refused(monkeypatch, url):
    monkeypatch.setenv("CHATFUEL_BASE_URL", url)
    with pytest.raises(ConfigurationError, match="CHATFUEL_BASE_URL"):
        read_settings()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://[::1]:1", "https://a-b.example.com/x/y", "http://my_proxy"]
)
def test_a_base_url_may_have_a_port_and_a_path(monkeypatch, url):
    monkeypatch.setenv("CHATFUEL_BASE_URL", url)
    assert read_settings().base_url == url


def test_a_slash_at_the_end_of_the_base_url_does_not_matter(monkeypatch):
    monkeypatch.setenv("CHATFUEL_BASE_URL", "https://example.com/")
    assert read_settings().base_url == "https://example.com"


@pytest.mark.parametrize("days", ["0", "-1", "ninety", pytest.param("9" * 5000, id="no end")])
def test_a_retention_that_is_no_number_of_days_is_told(monkeypatch, days):
    monkeypatch.setenv("CHATFUEL_RAW_RETENTION_DAYS", days)
    with pytest.raises(ConfigurationError, match=r"CHATFUEL_RAW_RETENTION_DAYS is .*whole number"):
        read_settings()


def test_the_file_env_knows_bigquery_too(tmp_path):
    (tmp_path / ".env").write_text(
        "CHATFUEL_BIGQUERY_PROJECT=p\nCHATFUEL_BIGQUERY_LOCATION=EU\nCHATFUEL_RAW_RETENTION_DAYS=90\n"
    )
    settings = read_settings()
    assert (settings.bigquery_project, settings.bigquery_location) == ("p", "EU")
    assert settings.raw_retention_days == 90


def test_only_bigquery_needs_a_project():
    with pytest.raises(ConfigurationError, match="CHATFUEL_BIGQUERY_PROJECT"):
        _ = read_settings().bigquery_project


def test_env_example_names_every_variable_that_is_read():
    root = Path(__file__).parents[2]
    read = set(re.findall(r'"(CHATFUEL_\w+)"', (root / "loader" / "settings.py").read_text()))
    named = set(re.findall(r"^(?:# )?(CHATFUEL_\w+)=", (root / ".env.example").read_text(), re.MULTILINE))
    assert read
    assert named == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHATFUEL_LANDING", "s3://b"), ("CHATFUEL_LANDING", "gs://"), ("CHATFUEL_DUCKDB_PATH", ":memory:"),
        ("CHATFUEL_DUCKDB_PATH", "md:x://y"), ("CHATFUEL_BASE_URL", "http://user:secret@host"),
        ("CHATFUEL_BASE_URL", "http://[::1"), ("CHATFUEL_BASE_URL", "http://host:99999"),
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_told_with_the_forms_that_there_are(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as caught:
        read_settings()
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("name", ["CHATFUEL_LANDING", "CHATFUEL_DUCKDB_PATH", "CHATFUEL_TOKEN_FILE"])
def test_the_home_of_nobody_is_told(monkeypatch, name):
    monkeypatch.setenv(name, "~nobody-of-that-name/x")
    with pytest.raises(ConfigurationError, match=f"{name} is .*nobody has that home"):
        read_settings()


def test_a_token_file_without_end_ends(monkeypatch):
    monkeypatch.setenv("CHATFUEL_TOKEN_FILE", "/dev/zero")
    with pytest.raises(ConfigurationError, match="The token holds"):
        read_settings()


def test_what_is_no_text_is_told_without_showing_it(monkeypatch):
    monkeypatch.setenv("CHATFUEL_LANDING", "secret\udcff")
    with pytest.raises(ConfigurationError, match="CHATFUEL_LANDING holds what is no text in UTF-8") as caught:
        read_settings()
    assert "secret" not in caught.value.message


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CHATFUEL_LANDING", "~/landing")
    assert read_settings().landing == str(tmp_path / "landing")


@pytest.mark.parametrize("content", [b"CHATFUEL_BOT_ID=\xe9", "CHATFUEL_BOT_ID=a".encode("utf-16"), None])
def test_a_file_env_that_is_no_text_is_told(tmp_path, content):
    path = tmp_path / ".env"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"\.env"):
        read_settings()
