"""Fixtures of the whole-pipeline tests."""

from __future__ import annotations

import pytest

from tests.pipeline.project import Project


@pytest.fixture(scope="session")
def target_path(tmp_path_factory):
    """One parse cache for the session: parsing the project costs more than most builds."""
    return tmp_path_factory.mktemp("target")


@pytest.fixture()
def project(tmp_path, target_path):
    """The project on an empty warehouse."""
    return Project(tmp_path / "warehouse.duckdb", target_path)
