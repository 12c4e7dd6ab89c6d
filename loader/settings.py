"""Settings come from the environment, else from a file ``.env`` in the working directory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from loader.errors import ConfigurationError
from loader.logs import hide


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes:
        base_url: Where Chatfuel is, without a slash at the end.
        landing: The landing zone, a folder or gs://bucket/prefix.
        duckdb_path: The file that is the warehouse of target ``dev``.
        bigquery_location: Where the datasets of the other targets are.
        raw_retention_days: How long BigQuery keeps raw rows; None: for ever.
        webhook_url: What is told of failure and recovery; empty: nothing.
        dbt_target: The folder where dbt leaves what it did last.
        most_json: Most bytes that an answer in JSON may have, unpacked.
        most_export: Most bytes that an export may have, unpacked.
    """

    base_url: str
    landing: str
    duckdb_path: Path
    bigquery_location: str
    raw_retention_days: int | None
    webhook_url: str
    dbt_target: Path
    most_json: int
    most_export: int
    _bigquery_project: str
    _token: str
    _bot_ids: tuple[str, ...]

    @property
    def token(self) -> str:
        """The token.

        Raises:
            ConfigurationError: There is none. Only verbs that speak to Chatfuel need it.
        """
        if not self._token:
            raise ConfigurationError(
                "No token. Set CHATFUEL_TOKEN, or CHATFUEL_TOKEN_FILE to a file that holds it;"
                " .env.example says where to get one."
            )
        return self._token

    @property
    def is_complete(self) -> bool:
        """Whether there are a token and bots."""
        return bool(self._token and self._bot_ids)

    @property
    def bigquery_project(self) -> str:
        """The project of the datasets.

        Raises:
            ConfigurationError: There is none. Only targets in BigQuery need it.
        """
        if not self._bigquery_project:
            raise ConfigurationError(
                "No project. Set CHATFUEL_BIGQUERY_PROJECT to the Google Cloud project of the datasets."
            )
        return self._bigquery_project

    @property
    def bot_ids(self) -> tuple[str, ...]:
        """The bots.

        Raises:
            ConfigurationError: There are none. Only verbs that speak to Chatfuel need them.
        """
        if not self._bot_ids:
            raise ConfigurationError(
                "No bot. Set CHATFUEL_BOT_ID to the id in the address of the bot's dashboard,"
                " or to several, separated by commas."
            )
        return self._bot_ids


def environment() -> dict[str, str]:
    """Return the environment, and what a file ``.env`` adds to it."""
    # An empty variable counts as unset: that is what an unset secret looks like in a CI job.
    return {name: value for name, value in (dotenv_values(".env") | os.environ).items() if value}


def read_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: A setting is malformed.
    """
    values = environment()
    base_url = values.get("CHATFUEL_BASE_URL", "https://dashboard.chatfuel.com").rstrip("/")
    if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
        raise ConfigurationError(f"CHATFUEL_BASE_URL is {base_url!r}; it must begin with https://.")
    bot_ids = tuple(part.strip() for part in values.get("CHATFUEL_BOT_ID", "").split(",") if part.strip())
    for bot_id in bot_ids:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", bot_id):
            raise ConfigurationError(f"CHATFUEL_BOT_ID holds {bot_id!r}, which is not the id of a bot.")
    # Whoever knows the address can write to the channel.
    hide(values.get("CHATFUEL_WEBHOOK_URL", ""))
    return Settings(
        base_url=base_url,
        landing=values.get("CHATFUEL_LANDING", "data/landing"),
        duckdb_path=Path(values.get("CHATFUEL_DUCKDB_PATH", "data/chatfuel.duckdb")),
        bigquery_location=values.get("CHATFUEL_BIGQUERY_LOCATION", "US"),
        raw_retention_days=_whole_number(values, "CHATFUEL_RAW_RETENTION_DAYS", None),
        webhook_url=values.get("CHATFUEL_WEBHOOK_URL", ""),
        dbt_target=Path(values.get("DBT_TARGET_PATH", "target")),
        most_json=_whole_number(values, "CHATFUEL_MAX_JSON_MB", 256) << 20,
        most_export=_whole_number(values, "CHATFUEL_MAX_EXPORT_MB", 65536) << 20,
        _bigquery_project=values.get("CHATFUEL_BIGQUERY_PROJECT", ""),
        _token=_token(values),
        _bot_ids=tuple(dict.fromkeys(bot_ids)),
    )


def _whole_number(values: Mapping[str, str], name: str, default: int | None) -> int | None:
    value = values.get(name)
    if value is None:
        return default
    if not (value.isdecimal() and 0 < int(value) < 100_000_000):
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number, 1 or more, or not at all.")
    return int(value)


def _token(values: Mapping[str, str]) -> str:
    token = values.get("CHATFUEL_TOKEN", "").strip()
    if not token and (file := values.get("CHATFUEL_TOKEN_FILE")):
        try:
            token = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"CHATFUEL_TOKEN_FILE cannot be read: {error}.") from error
    # What is pasted from a browser's developer tools often begins with the scheme.
    token = token.removeprefix("Bearer ").strip()
    hide(token)
    if not re.fullmatch(r"[\x21-\x7e]*", token):
        raise ConfigurationError("The token holds white space or non-ASCII characters. Copy it again.")
    return token
