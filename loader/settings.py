"""Settings come from the environment, else from a file ``.env`` in the working directory."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from loader.errors import ConfigurationError
from loader.logs import hide

_ADDRESS = re.compile(
    r"https?://([\w-]{1,63}(\.[\w-]{1,63})*|\[[\da-f:.]+\])(:(?P<port>\d{1,5}))?(/[\w.~/-]*)?",
    re.ASCII | re.IGNORECASE,
)
SURFACES = ("classic", "panel")
CHANNELS = ("facebook", "instagram", "whatsapp", "tiktok", "widget")


@dataclass(frozen=True)
class Patience:
    """How long the client waits and how often it tries. All times in seconds.

    Attributes:
        attempts: Tries of one request or document.
        first_attempts: Tries while nothing ever answered: then mostly the address or the network is wrong.
        first_wait: Upper bound of the wait after the first failure; it doubles with every further one.
        longest_wait: Where doubling ends. A ``Retry-After`` may ask for more.
        connect_timeout: Time to connect.
        read_timeout: Longest silence of the server; generating a big document is silent for minutes.
        deadline: Time for everything that this client does.
        most_json: Most bytes of an answer in JSON, unpacked.
        most_export: Most bytes of a download, unpacked.
    """

    attempts: int = 6
    first_attempts: int = 3
    first_wait: float = 2.0
    longest_wait: float = 120.0
    connect_timeout: float = 10.0
    read_timeout: float = 600.0
    deadline: float = 3 * 3600.0
    most_json: int = 256 << 20
    most_export: int = 64 << 30


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes:
        base_url: Where Chatfuel is, without a slash at the end.
        landing: A folder or gs://bucket/prefix.
        duckdb_path: The warehouse of target ``dev``.
        bigquery_dataset: Where dbt makes the tables of the other targets.
        raw_retention_days: How long BigQuery keeps raw rows; None: for ever.
        webhook_url: What is told of failure and recovery; empty: nothing.
        most_json, most_export: As those of ``Patience``.
        surfaces: On which of Chatfuel's surfaces each bot is.
        panel_url: Where the panel is, without a slash at the end.
        panel_token: The token for it.
        panel_channels: The channels that are asked for there.
        panel_id_column: The column of its exports with the contact's id; empty: the usual ones.
    """

    base_url: str
    landing: str
    duckdb_path: Path
    bigquery_dataset: str
    bigquery_location: str
    raw_retention_days: int | None
    webhook_url: str
    most_json: int
    most_export: int
    surfaces: Mapping[str, str]
    panel_url: str
    panel_token: str
    panel_channels: tuple[str, ...]
    panel_id_column: str
    _bigquery_project: str
    _token: str
    _bot_ids: tuple[str, ...]

    @property
    def token(self) -> str:
        """The token; only verbs that speak to Chatfuel need it, and the bots."""
        return _needed(
            self._token,
            "No token. Set CHATFUEL_TOKEN, or CHATFUEL_TOKEN_FILE to a file that holds it;"
            " .env.example says where to get one.",
        )

    @property
    def bot_ids(self) -> tuple[str, ...]:
        """The bots."""
        return _needed(
            self._bot_ids,
            "No bot. Set CHATFUEL_BOT_ID to the id in the address of the bot's dashboard,"
            " or to several, separated by commas.",
        )

    @property
    def bigquery_project(self) -> str:
        """The project of the datasets; only targets in BigQuery need it."""
        return _needed(
            self._bigquery_project,
            "No project. Set CHATFUEL_BIGQUERY_PROJECT to the Google Cloud project of the datasets.",
        )

    @property
    def is_complete(self) -> bool:
        """Whether there are a token and bots."""
        return bool(self._token and self._bot_ids)


def _needed(value: Any, message: str) -> Any:
    if not value:
        raise ConfigurationError(message)
    return value


def is_bot_id(text: str) -> bool:
    """Return whether a text can be the id of a bot: it becomes the name of a folder."""
    return bool(re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text))


def environment() -> dict[str, str]:
    """Return the environment, and what a file ``.env`` adds to it.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        added = dotenv_values(stream=io.StringIO(Path(".env").read_text("utf-8-sig")))
    except FileNotFoundError:
        added = {}
    except (OSError, UnicodeError):
        raise ConfigurationError("The file .env cannot be read. Save it as a text file in UTF-8.") from None
    # An empty variable counts as unset: that is what an unset secret looks like in a CI job.
    values = {name: value for name, value in (added | os.environ).items() if value}
    for name, value in values.items():
        # Python stands such a character in for a byte that it cannot read.
        if name.startswith("CHATFUEL_") and re.search("[\ud800-\udfff]", value):
            raise ConfigurationError(f"{name} holds what is no text in UTF-8. Set it again.")
    return values


def read_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: A setting is malformed.
    """
    values = environment()
    landing = values.get("CHATFUEL_LANDING", "data/landing")
    duckdb_path = values.get("CHATFUEL_DUCKDB_PATH", "data/chatfuel.duckdb")
    if "://" in landing and not re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]+(/.*)?", landing):
        raise ConfigurationError(
            f"CHATFUEL_LANDING is {landing!r}; set it to a folder, or to gs://bucket or gs://bucket/prefix."
        )
    if duckdb_path.startswith(":") or "://" in duckdb_path:
        raise ConfigurationError(
            f"CHATFUEL_DUCKDB_PATH is {duckdb_path!r}; set it to a file: anything else is gone after the run."
        )
    parts = [part.strip() for part in values.get("CHATFUEL_BOT_ID", "").split(",") if part.strip()]
    surfaces = {}
    for part in parts:
        bot_id, _, surface = part.partition("@")
        surface = surface or values.get("CHATFUEL_SURFACE", SURFACES[0])
        if surface not in SURFACES or surfaces.setdefault(bot_id, surface) != surface:
            raise ConfigurationError(
                f"{part!r} is on {surface!r}; set CHATFUEL_SURFACE, or what follows the @ of a bot in"
                " CHATFUEL_BOT_ID, to classic or panel, one for each bot."
            )
        if not is_bot_id(bot_id):
            raise ConfigurationError(
                f"CHATFUEL_BOT_ID holds {bot_id!r}, which is no id. Copy it from the dashboard's address."
            )
    # Whoever knows the address can write to the channel.
    hide(values.get("CHATFUEL_WEBHOOK_URL", ""))
    token = _token(values, "CHATFUEL_TOKEN", "CHATFUEL_TOKEN_FILE")
    panel_token = _token(values, "CHATFUEL_PANEL_TOKEN", "CHATFUEL_PANEL_TOKEN_FILE")
    return Settings(
        base_url=_address(values, "CHATFUEL_BASE_URL", "https://dashboard.chatfuel.com"),
        landing=landing if "://" in landing else str(_path("CHATFUEL_LANDING", landing)),
        duckdb_path=_path("CHATFUEL_DUCKDB_PATH", duckdb_path),
        bigquery_dataset=values.get("CHATFUEL_BIGQUERY_DATASET", "chatfuel"),
        bigquery_location=values.get("CHATFUEL_BIGQUERY_LOCATION", "US"),
        raw_retention_days=_whole_number(values, "CHATFUEL_RAW_RETENTION_DAYS", None),
        webhook_url=values.get("CHATFUEL_WEBHOOK_URL", ""),
        most_json=_whole_number(values, "CHATFUEL_MAX_JSON_MB", 256) << 20,
        most_export=_whole_number(values, "CHATFUEL_MAX_EXPORT_MB", 65536) << 20,
        surfaces=surfaces,
        panel_url=_address(values, "CHATFUEL_PANEL_URL", "https://panel.chatfuel.com"),
        panel_token=panel_token or token,
        panel_channels=tuple(re.findall(r"\w+", values.get("CHATFUEL_PANEL_CHANNELS", ",".join(CHANNELS)))),
        panel_id_column=values.get("CHATFUEL_PANEL_ID_COLUMN", ""),
        _bigquery_project=values.get("CHATFUEL_BIGQUERY_PROJECT", ""),
        _token=token or panel_token,
        _bot_ids=tuple(surfaces),
    )


def _path(name: str, value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ConfigurationError(f"{name} is {value!r}, and nobody has that home. Set it anew.") from None


def _whole_number(values: Mapping[str, str], name: str, default: int | None) -> int | None:
    value = values.get(name)
    if value is None:
        return default
    if not re.fullmatch("[1-9][0-9]{0,7}", value):
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number, 1 or more, or not at all.")
    return int(value)


def _address(values: Mapping[str, str], name: str, default: str) -> str:
    address = values.get(name, default).strip().rstrip("/")
    found = _ADDRESS.fullmatch(address)
    # Never shown: it may hold a password.
    if not found or not 0 < int(found["port"] or 443) < 65536:
        raise ConfigurationError(
            f"{name} is no address. Set it to one like {default}, without name and password."
        )
    return address


def _token(values: Mapping[str, str], name: str, file_name: str) -> str:
    token = values.get(name, "").strip()
    if not token and (file := values.get(file_name)):
        try:
            with _path(file_name, file).open(encoding="utf-8") as opened:
                # It may be something without end.
                token = opened.read(1 << 16).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{file_name} cannot be read: {error}. Set it to a text file."
            ) from error
    # What is pasted from a browser's developer tools often begins with the scheme.
    token = token.removeprefix("Bearer ").strip()
    hide(token)
    if not re.fullmatch(r"[\x21-\x7e]*", token):
        raise ConfigurationError("The token holds white space or non-ASCII characters. Copy it again.")
    return token
