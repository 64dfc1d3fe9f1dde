"""Directories and control planes for the tests of the local control plane itself."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from localcluster.layout import Layout, Ports, prepare
from localcluster.testing import SharedCluster, shared_cluster
from tests.localcluster import documents


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedCluster]:
    """The one control plane of the test run, with its identity provider."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the workers of one run have this directory in common
    with shared_cluster(base / "local-cluster", documents.minimal) as cluster:
        yield cluster


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A prepared directory with ports of its own."""
    return prepare(tmp_path / "cluster", ports=Ports.free())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of the distribution."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()
