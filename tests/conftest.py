"""Fixtures that several folders share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    """A BigQuery emulator for the session."""
    # not for everybody: the client takes a second to import
    from tests.emulator.warehouse import Emulator

    running = Emulator.start(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()
