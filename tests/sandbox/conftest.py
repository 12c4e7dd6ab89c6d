"""A running sandbox for the tests of this folder."""

import pytest

from sandbox.server import running


@pytest.fixture(scope="session")
def sandbox():
    """A small bot on day 0; a test that moves the day starts its own."""
    with running(users=300, attributes=60) as it:
        yield it
