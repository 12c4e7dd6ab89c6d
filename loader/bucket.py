"""The landing zone in a bucket of Google Cloud Storage: the folders of ``landing.py``, one object a file.

What is written goes to a temporary folder first and is uploaded when it is whole; what is read is downloaded.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from loader.errors import LandingError
from loader.google import explaining
from loader.landing import REMOVED, ROOT, Landing, Pull, ours

# Another machine may be at work on what is younger.
_OLD = timedelta(days=1)
# The client would try to reach a server that is down for two minutes before it says so.
_RETRY = DEFAULT_RETRY.with_timeout(60)


class BucketLanding(Landing):
    """A landing zone in a bucket."""

    def __init__(self, url: str, root: Path) -> None:
        """Connect; nothing is sent.

        Args:
            url: ``gs://bucket`` or ``gs://bucket/prefix``.
            root: A folder for what is written or read, empty.

        Raises:
            ConfigurationError: Nobody is signed in.
        """
        super().__init__(root)
        self.name = url.rstrip("/")
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        self._lock = Path(tempfile.gettempdir()) / f"chatfuel-{digest}" / ".lock"
        bucket, _, prefix = self.name.removeprefix("gs://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        # The emulator of the tests knows nobody; the client finds it by this variable too.
        is_emulated = "STORAGE_EMULATOR_HOST" in os.environ
        with explaining(LandingError, f"Landing zone {self.name}"):
            # No project: whoever signed in need not have a default one, and nothing here asks for it.
            client = storage.Client(None, AnonymousCredentials() if is_emulated else None)
        self._bucket = client.bucket(bucket)

    def check(self) -> None:
        # Whoever may read and write objects may not ask for the bucket itself: one object is asked for.
        with self._errors():
            list(
                self._bucket.client.list_blobs(self._bucket, prefix=self._prefix, max_results=1, retry=_RETRY)
            )

    def garbage(self, loaded: Collection[Pull]) -> dict[PurePosixPath, int]:
        old = datetime.now(UTC) - _OLD
        found = super().garbage(loaded)
        return {name: size for name, size in found.items() if self._blobs[name].updated < old}

    def names(self, below: PurePosixPath = ROOT) -> list[PurePosixPath]:
        prefix = self._prefix if below == ROOT else f"{self._prefix}{below}/"
        with self._errors():
            blobs = self._bucket.client.list_blobs(self._bucket, prefix=prefix, retry=_RETRY)
            self._blobs = {PurePosixPath(blob.name.removeprefix(self._prefix)): blob for blob in blobs}
        return ours(self._blobs)

    def _tops(self) -> set[str]:
        return {name.parts[0] for name in self._blobs}

    def exists(self, name: PurePosixPath) -> bool:
        with self._errors():
            return self._blob(name).exists(retry=_RETRY)

    def save(self, name: PurePosixPath) -> None:
        with self._errors():
            self._blob(name).upload_from_filename(self.root / name, checksum="crc32c", retry=_RETRY)

    def bring(self, folder: PurePosixPath) -> None:
        with self._errors():
            for name in self.names(folder):
                path = self.root / name
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self._blob(name).download_to_filename(path, raw_download=True, retry=_RETRY)

    def remove(self, name: PurePosixPath) -> None:
        super().remove(name)
        # Not found: removed by an attempt whose answer was lost.
        with self._errors(), suppress(NotFound):
            self._blob(name).delete(retry=_RETRY)

    def room(self) -> None:
        return None

    def aside(self) -> Landing:
        return BucketLanding(f"{self.name}/{REMOVED}", self.root / REMOVED)

    def _copy_aside(self, name: PurePosixPath) -> None:
        with self._errors():
            copy = f"{self._prefix}{REMOVED}/{name}"
            self._bucket.copy_blob(self._blob(name), self._bucket, copy, retry=_RETRY)

    def address(self, path: Path) -> str:
        name = PurePosixPath(path.relative_to(self.root))
        self.save(name)
        return f"gs://{self._bucket.name}/{self._prefix}{name}"

    def _size(self, name: PurePosixPath) -> int:
        return self._blobs[name].size

    def _blob(self, name: PurePosixPath) -> storage.Blob:
        return self._bucket.blob(f"{self._prefix}{name}")

    def _errors(self) -> AbstractContextManager[None]:
        credentials = self._bucket.client._credentials
        return explaining(
            LandingError,
            f"Landing zone {self.name}",
            bucket=f"gs://{self._bucket.name}",
            credentials=credentials,
        )
