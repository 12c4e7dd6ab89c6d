"""The landing zone: every response as served, gzipped, and a manifest that is written last.

A pull is one folder, ``<landing>/<bot>/pull_date=YYYY-MM-DD/<pull_id>``. Without a manifest it is incomplete,
and nothing reads it. ``bucket.py`` keeps the same folders in a bucket.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Literal

import msgspec

from loader.errors import LandingError, LockedError, RefusedError

_FORMAT = 1
_PULL_ID = "%Y%m%dT%H%M%SZ"
_MANIFEST = "manifest.json"
_REFUSAL = "refused.txt"
_CONVERTING = ".convert-"
# Where the files of removed pulls are kept.
REMOVED = "removed"
ROOT = PurePosixPath()
_FILE = r"[\w-]+(\.r\d+)?\.(csv|json)\.gz"
# Only what bears such a name is read or removed: others may keep files here too.
_OURS = re.compile(
    r"[\w-]+/pull_date=\d{4}-\d\d-\d\d/"
    rf"(\d{{8}}T\d{{6}}Z/\.?({_FILE}|manifest\.json|refused\.txt)(\.partial)?"
    r"|\.convert-\w+/[\w.-]+)",
    re.ASCII,
)


@dataclass(frozen=True)
class Pull:
    """The identity of a pull; its moment is aware, UTC, whole seconds. Two bots may share a ``pull_id``."""

    bot_id: str
    pulled_at: datetime

    def __str__(self) -> str:
        return f"Pull {self.pull_id} of bot {self.bot_id}"

    @classmethod
    def named(cls, bot_id: str, pull_id: str) -> Pull | None:
        """Return the pull of this name, None if it is no name of a pull."""
        try:
            pull = cls(bot_id, datetime.strptime(pull_id, _PULL_ID).replace(tzinfo=UTC))
        except ValueError:
            return None
        return pull if pull.pull_id == pull_id else None

    @property
    def pull_id(self) -> str:
        """The moment as a name, 20240626T073000Z."""
        # Of an early year, the system leaves out the zeros.
        return self.pulled_at.strftime(_PULL_ID).zfill(len("20240626T073000Z"))

    @property
    def pull_date(self) -> date:
        """The UTC date."""
        return self.pulled_at.date()


class LandedFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One response, as the manifest knows it.

    Attributes:
        name: File name in the pull's folder.
        table: The raw table that it fills.
        size: Bytes, compressed.
        sha256: Of the compressed bytes.
        fields: Of a users export: the fields asked for.
        custom: Those of them that are custom attributes, though named as system fields.
        broadcast_id: Of an audience or its recipients: the scheduled entry.
        block_id: Of an audience: the block.
        channel: Of an export of the panel: whose users it has.
        id_column: The same: its column with the users' ids.
        contacts: The same: how many users Chatfuel counted.
    """

    name: Annotated[str, msgspec.Meta(pattern=rf"(?a)^{_FILE}\Z")]
    table: str
    size: int
    sha256: str
    fields: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    broadcast_id: str = ""
    block_id: str = ""
    channel: str = ""
    id_column: str = ""
    contacts: int | None = None


class _Format(msgspec.Struct):
    format: int


class Manifest(_Format):
    """What a pull consists of."""

    bot_id: str
    pull_id: str
    pulled_at: datetime
    source: Literal["api", "import", "panel"]
    loader_version: str
    files: tuple[LandedFile, ...]


class Landing:
    """A landing zone in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made by the first pull."""
        self.root = root
        self.name = str(root)
        self._lock = root / ".lock"

    def folder(self, pull: Pull) -> PullFolder:
        """Return the folder of a pull, which may not be there."""
        return PullFolder(self, pull)

    def complete_pulls(self) -> list[PullFolder]:
        """Return the pulls that landed whole, oldest first."""
        names = [name.parent for name in self.names() if name.name == _MANIFEST]
        folders = [
            PullFolder(self, pull, name)
            for name in names
            if (pull := Pull.named(name.parts[0], name.parts[2]))
        ]
        return sorted(folders, key=lambda folder: (folder.pull.pulled_at, folder.pull.bot_id))

    def check(self) -> None:
        """Try whether something could be written, without writing.

        Raises:
            LandingError: It could not.
        """
        folder = nearest(self.root)
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise self._unusable("it cannot be written")

    def _unusable(self, problem: object) -> LandingError:
        return LandingError(f"Landing zone {self.name}: {problem}. Set CHATFUEL_LANDING.")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other loader of this machine from changing this landing zone meanwhile.

        Raises:
            LockedError: One is at it.
        """
        # Imported where it is used: it is half of what the list of verbs would take.
        from filelock import FileLock, Timeout

        lock = FileLock(self._lock, timeout=0, mode=0o600, fallback_to_soft=False)
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            # Where no file can be made, the lock would seem to be held.
            self._lock.touch(0o600)
            lock.acquire()
            # It may say who holds the lock. Whoever is killed does not hold it any more.
            self._lock.write_text(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        except Timeout:
            # Gone, if that one ends just now.
            holder = self._lock.read_text().strip() if self._lock.exists() else "it ends now"
            raise LockedError(
                f"Another loader is at work on {self.name}: {holder}. Wait until it finishes."
            ) from None
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield
        finally:
            # While it is held: a file that is gone is no lock, and whoever has it open finds that out.
            with suppress(OSError):
                self._lock.unlink()
                self._lock.parent.rmdir()
            lock.release()

    def garbage(self, loaded: Collection[Pull]) -> dict[PurePosixPath, int]:
        """Return what interrupted pulls and conversions left, with the bytes of each file.

        Pulls that are loaded are kept though their manifest is gone.
        """
        names = self.names()
        kept = {name.parent for name in names if name.name == _MANIFEST}
        kept |= {self.folder(pull).name for pull in loaded}
        return {
            name: self._size(name) for name in names if name.parent not in kept or name.name.startswith(".")
        }

    def names(self, below: PurePosixPath = ROOT) -> list[PurePosixPath]:
        """Return the loader's files below a folder, relative to the landing zone."""
        # Only where a pull can be: the landing zone may be somebody's home folder.
        paths = (self.root / below).glob("/".join(("*", "pull_date=*", "*", "*")[len(below.parts) :]))
        names = ours(PurePosixPath(path.relative_to(self.root)) for path in paths if path.is_file())
        # What a link leads to is somebody else's.
        root = self.root.resolve()
        return [name for name in names if (root / name).resolve() == root / name]

    def strangers(self) -> list[str]:
        """Return what else is in the landing zone, which is left alone."""
        ours = {name.parts[0] for name in self.names()}
        return sorted(self._tops() - ours - {".lock", REMOVED, "failing.txt"})

    def _tops(self) -> set[str]:
        return {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()

    def exists(self, name: PurePosixPath) -> bool:
        """Return whether a file is there."""
        return (self.root / name).is_file()

    def write(self, name: PurePosixPath, text: str) -> None:
        """Write a small file, which appears when it is whole."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("wb") as file:
            file.write(text.encode())
            _sync(file)
        partial.rename(path)
        self.save(name)

    def save(self, name: PurePosixPath) -> None:
        """Keep a file that was written to its place below ``root``."""

    def bring(self, folder: PurePosixPath) -> None:
        """See to it that the files of a folder are below ``root``."""

    def remove(self, name: PurePosixPath) -> None:
        """Remove a file, and folders that it leaves empty."""
        (self.root / name).unlink(missing_ok=True)
        with suppress(OSError):
            for folder in name.parents[:-1]:
                (self.root / folder).rmdir()

    def size(self) -> int:
        """Return the bytes of all pulls."""
        return sum(self._size(name) for name in self.names())

    def room(self) -> int | None:
        """Return the bytes that there are left, None without limit."""
        return shutil.disk_usage(nearest(self.root)).free

    def aside(self) -> Landing:
        """Return where the files of removed pulls are."""
        return Landing(self.root / REMOVED)

    def set_aside(self, names: Collection[PurePosixPath]) -> None:
        """Move files to where nothing reads them."""
        for name in _manifest_first(names):
            self._copy_aside(name)
            self.remove(name)

    def _copy_aside(self, name: PurePosixPath) -> None:
        aside = self.root / REMOVED / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).rename(aside)

    def address(self, path: Path) -> str | None:
        """Return where a warehouse finds a file of a workspace by itself; None: nowhere."""

    def _size(self, name: PurePosixPath) -> int:
        return (self.root / name).stat().st_size


class PullFolder:
    """The folder of one pull in the landing zone."""

    def __init__(self, landing: Landing, pull: Pull, name: PurePosixPath | None = None) -> None:
        self.pull = pull
        self.landing = landing
        own_name = PurePosixPath(pull.bot_id, f"pull_date={pull.pull_date}", pull.pull_id)
        self.name = name or own_name
        self._is_in_place = self.name == own_name
        self.path = landing.root / self.name
        self._files: list[LandedFile] = []

    @property
    def is_complete(self) -> bool:
        """Whether everything of the pull has landed."""
        return self.landing.exists(self.name / _MANIFEST)

    @property
    def is_refused(self) -> bool:
        """Whether a gate refused the pull: a new attempt fetches everything again."""
        return self.landing.exists(self.name / _REFUSAL)

    @property
    def refusal(self) -> str:
        """Why a gate refused the pull; empty if none did."""
        if not self.is_refused:
            return ""
        self.landing.bring(self.name)
        return (self.path / _REFUSAL).read_text("utf-8", "replace")

    def refuse(self, reason: str) -> None:
        """Note that a gate refused the pull, and why."""
        self.landing.write(self.name / _REFUSAL, reason)

    def accept(self) -> None:
        """Take back that a gate refused the pull."""
        self.landing.remove(self.name / _REFUSAL)

    def begin(self) -> None:
        """Make the folder, empty: whatever an interrupted pull left there is removed."""
        for name in _manifest_first(self.landing.names(self.name)):
            self.landing.remove(name)
        self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writer(self, name: str, table: str, **facts) -> Iterator[IO[bytes]]:
        """Open a file of the pull for writing; it appears when it is whole. ``LandedFile`` has the facts."""
        partial = self.path / f".{name}.partial"
        with partial.open("wb") as file:
            # Without a time in its header, the same response is the same file.
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as compressed:
                yield compressed
            _sync(file)
        landed = LandedFile(name, table, partial.stat().st_size, _digest(partial), **facts)
        partial.rename(self.path / name)
        self.landing.save(self.name / name)
        self._files.append(landed)

    def write(self, name: str, table: str, body: bytes, **facts) -> None:
        """Write a response that is at hand; arguments as those of ``writer``."""
        with self.writer(name, table, **facts) as file:
            file.write(body)

    def describe(self, **facts) -> None:
        """Add facts to the file written last: what it told by itself."""
        self._files[-1] = msgspec.structs.replace(self._files[-1], **facts)

    def keep(self, landed: LandedFile) -> None:
        """Take a file that is there into the next manifest."""
        self._files.append(landed)

    def remove_unlisted(self) -> None:
        """Remove the files that were replaced by others."""
        listed = {_MANIFEST, _REFUSAL, *(landed.name for landed in self._files)}
        for name in self.landing.names(self.name):
            if name.name not in listed:
                self.landing.remove(name)

    def commit(self, source: str, loader_version: str) -> None:
        """Write the manifest: from now on the pull is complete."""
        pull = self.pull
        manifest = Manifest(
            _FORMAT, pull.bot_id, pull.pull_id, pull.pulled_at, source, loader_version, tuple(self._files)
        )
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1).decode()
        self.landing.write(self.name / _MANIFEST, text)

    def read_manifest(self) -> Manifest:
        """Return what a complete pull consists of.

        Raises:
            RefusedError: The manifest is damaged, or of another pull or a newer loader.
        """
        self.landing.bring(self.name)
        where, pull = f"{self.landing.name}/{self.name}/{_MANIFEST}", self.pull
        try:
            content = (self.path / _MANIFEST).read_bytes()
            is_newer = msgspec.json.decode(content, type=_Format).format > _FORMAT
            manifest = None if is_newer else msgspec.json.decode(content, type=Manifest)
        except (msgspec.MsgspecError, ValueError, RecursionError, FileNotFoundError):
            raise RefusedError(f"{where} is damaged. Restore it, or pull again.") from None
        if not manifest:
            raise RefusedError(f"{where} is of a newer loader. Update this one.")
        identity = (manifest.bot_id, manifest.pull_id, manifest.pulled_at)
        if identity != (pull.bot_id, pull.pull_id, pull.pulled_at) or not self._is_in_place:
            raise RefusedError(f"{where} is of another pull. Put the folder back where it was.")
        return manifest

    def check_file(self, landed: LandedFile) -> None:
        """Check a file against its hash.

        Raises:
            RefusedError: It is damaged or missing.
        """
        path, where = self.path / landed.name, f"{self.landing.name}/{self.name / landed.name}"
        if not path.is_file():
            raise RefusedError(f"{where} is missing from the landing zone. Restore it, or pull again.")
        if _digest(path) != landed.sha256:
            raise RefusedError(f"{where} is damaged: its SHA-256 differs. Restore it, or pull again.")

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Make a folder for a conversion, where there is room for a pull, and remove it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_CONVERTING, dir=self.path.parent) as folder:
            yield Path(folder)
            for name in self.landing.names(self.name.parent / Path(folder).name):
                self.landing.remove(name)


def ours(names: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return those names that the loader gives, sorted."""
    return sorted(name for name in names if _OURS.fullmatch(str(name)))


def nearest(path: Path) -> Path:
    """Return a path, or what is there in place of it: also a link to a disk that is not."""
    place = path.absolute()
    while not (place.exists() or place.is_symlink()):
        place = place.parent
    return place


def _manifest_first(names: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return the files of a pull in the order in which they go: what is left must never look complete."""
    return sorted(names, key=lambda name: name.name != _MANIFEST)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
