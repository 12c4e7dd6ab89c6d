"""The landing zone: every response as served, gzipped, and a manifest that is written last.

A pull is one folder, ``<landing>/<bot>/pull_date=YYYY-MM-DD/<pull_id>``. Without a manifest it is incomplete,
and nothing reads it. Only the owner can read what is here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from loader.errors import RefusedError

_FORMAT = 1
_PULL_ID = "%Y%m%dT%H%M%SZ"

# Is told what is under way, and how many bytes of it are done.
Report = Callable[[str, int], None]


@dataclass(frozen=True)
class Pull:
    """The identity of a pull. Two bots may share a ``pull_id``.

    Attributes:
        bot_id: The bot.
        pulled_at: Its moment: aware, UTC, whole seconds.
    """

    bot_id: str
    pulled_at: datetime

    @property
    def pull_id(self) -> str:
        """The moment as a name, 20240626T073000Z."""
        return self.pulled_at.strftime(_PULL_ID)

    @property
    def pull_date(self) -> date:
        """The UTC date."""
        return self.pulled_at.date()


@dataclass(frozen=True)
class LandedFile:
    """One response, as the manifest knows it.

    Attributes:
        name: File name in the pull's folder.
        table: The raw table that it fills.
        size: Bytes, compressed.
        sha256: Of the compressed bytes.
        fields: Of a users export: the fields asked for.
        broadcast_id: Of an audience or its recipients: the scheduled entry.
        block_id: Of an audience: the block.
    """

    name: str
    table: str
    size: int
    sha256: str
    fields: tuple[str, ...] = ()
    broadcast_id: str = ""
    block_id: str = ""


class PullFolder:
    """The folder of one pull in the landing zone."""

    def __init__(self, landing: Path, pull: Pull) -> None:
        self.pull = pull
        self.path = landing / pull.bot_id / f"pull_date={pull.pull_date}" / pull.pull_id
        self._manifest = self.path / "manifest.json"
        self._refusal = self.path / "refused.txt"
        self._files: list[LandedFile] = []

    @property
    def is_complete(self) -> bool:
        """Whether everything of the pull has landed."""
        return self._manifest.exists()

    @property
    def is_refused(self) -> bool:
        """Whether a gate refused the pull: a new attempt fetches everything again."""
        return self._refusal.exists()

    def refuse(self, reason: str) -> None:
        """Note that a gate refused the pull, and why."""
        with _create(self._refusal) as file:
            file.write(reason.encode())

    def begin(self) -> None:
        """Make the folder, empty: whatever an interrupted pull left there is removed."""
        if self.path.exists():
            # First of all the manifest: what is left if this is interrupted must not look complete.
            self._manifest.unlink(missing_ok=True)
            shutil.rmtree(self.path)
        _make_folder(self.path)

    @contextmanager
    def writer(self, name: str, table: str, report: Report, **facts) -> Iterator[IO[bytes]]:
        """Open a file of the pull for writing; it appears when it is whole.

        Args:
            name: File name, ending in .gz.
            table: The raw table that it fills.
            report: Is told the bytes written.
            **facts: Further attributes of ``LandedFile``.
        """
        partial = self.path / f".{name}.partial"
        with _create(partial) as file:
            # Without a time in its header, the same response is the same file.
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as compressed:
                yield _Counted(compressed, name, report)
            _sync(file)
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        landed = LandedFile(name, table, partial.stat().st_size, digest, **facts)
        partial.rename(self.path / name)
        self._files.append(landed)

    def write(self, name: str, table: str, body: bytes, report: Report, **facts) -> None:
        """Write a response that is at hand; arguments as those of ``writer``."""
        with self.writer(name, table, report, **facts) as file:
            file.write(body)

    def commit(self, source: str, loader_version: str) -> None:
        """Write the manifest: from now on the pull is complete."""
        manifest = {
            "format": _FORMAT,
            "bot_id": self.pull.bot_id,
            "pull_id": self.pull.pull_id,
            "pulled_at": self.pull.pulled_at.isoformat(),
            "source": source,
            "loader_version": loader_version,
            "files": [{k: v for k, v in asdict(file).items() if v} for file in self._files],
        }
        partial = self.path / ".manifest.json.partial"
        with _create(partial) as file:
            file.write(json.dumps(manifest, indent=1).encode())
            _sync(file)
        partial.rename(self._manifest)

    def read_manifest(self) -> tuple[list[LandedFile], dict[str, str]]:
        """Return the files of a complete pull, each checked against its hash, and the rest of the manifest.

        Raises:
            RefusedError: A file is damaged or missing.
        """
        manifest = json.loads(self._manifest.read_bytes())
        files = [
            LandedFile(**file | {"fields": tuple(file.get("fields", ()))}) for file in manifest.pop("files")
        ]
        for landed in files:
            path = self.path / landed.name
            if not path.exists():
                raise RefusedError(f"{path} is missing from the landing zone. Restore it, or pull again.")
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != landed.sha256:
                    raise RefusedError(f"{path} is damaged: its SHA-256 differs. Restore it, or pull again.")
        return files, manifest


def landed_pulls(landing: Path) -> Iterator[PullFolder]:
    """Yield the complete pulls of the landing zone, by bot and time."""
    for manifest in sorted(landing.glob("*/pull_date=*/*/manifest.json")):
        bot_id, pull_id = manifest.parts[-4], manifest.parts[-2]
        pulled_at = datetime.strptime(pull_id, _PULL_ID).replace(tzinfo=UTC)
        yield PullFolder(landing, Pull(bot_id, pulled_at))


class _Counted:
    """A file that reports what has been written to it."""

    def __init__(self, file: IO[bytes], name: str, report: Report) -> None:
        self._file, self._name, self._report, self._written = file, name, report, 0
        report(name, 0)

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)
        self._report(self._name, self._written)


def _make_folder(path: Path) -> None:
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=0o700, exist_ok=True)


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
