"""Fixtures that several folders share."""

from __future__ import annotations

import gc

import pytest

# dbt keeps many objects of its project; with Python's own threshold the collector takes a tenth of a build.
gc.set_threshold(200_000, 10, 10)


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    """An emulator of Google Cloud Storage for the session, with the bucket `pulls`; its address, and the folder of its buckets."""
    from gcp_storage_emulator.server import create_server

    folder = tmp_path_factory.mktemp("storage")
    server = create_server("127.0.0.1", 0, in_memory=False, default_bucket="pulls", data_dir=str(folder))
    server.start()
    # The port that the system chose; it has no name of its own.
    yield f"http://127.0.0.1:{server._api._httpd.server_port}", folder / ".cloudstorage"
    server.stop()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory, storage):
    """A BigQuery emulator for the session, which finds the emulated buckets."""
    # not for everybody: the client takes a second to import
    from tests.emulator.warehouse import Emulator

    running = Emulator.start(tmp_path_factory.mktemp("emulator"), buckets=storage[1])
    yield running
    running.stop()


@pytest.fixture(scope="session")
def story(tmp_path_factory, emulator, storage):
    """Four days on DuckDB and on the emulator, built twice: `tests/emulator/scenario.py`."""
    from tests.emulator.scenario import told

    return told(tmp_path_factory.mktemp("story"), emulator, storage)
