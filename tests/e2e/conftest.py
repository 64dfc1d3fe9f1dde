"""A browser, a portal with its demonstration data, and a control plane for the browser tests of this process.

They do not use the control plane that other tests share: the demonstration's namespaces have fixed names, and two
portals cannot both have `avis-fire` in one cluster; and other tests take roles away there for a while. Each process of
a run (`pytest -n 2`) has its own, on free ports, so that no test waits for another.

Playwright keeps an event loop in this thread, and Django refuses to touch its database there: the browser ends with
each module, before tests of another kind may follow in the same process.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from localcluster import kubectl
from localcluster.people import DemoPerson
from localcluster.testing import SharedCluster, shared_cluster
from tests import stack as stacks
from tests.conftest import documents
from tests.e2e import rows
from tests.e2e.newcomers import EVERYBODY
from tests.e2e.places import Scenery, paint
from tests.e2e.windows import PATIENCE_MS, Windows, launch
from tests.stack import Stack

REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()


@pytest.fixture(scope="session")
def cluster_of_demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedCluster]:
    """A control plane with its identity provider, which knows the newcomers of these tests, too."""
    place = tmp_path_factory.mktemp("demonstration") / "control-plane"
    with shared_cluster(place, documents, people=EVERYBODY) as running:
        yield running


@pytest.fixture(scope="session")
def stack(
    cluster_of_demonstration: SharedCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The portal with the demonstration's data, all of it in the cluster already."""
    with stacks.running(cluster_of_demonstration, tmp_path_factory.mktemp("portal")) as running:
        running.manage("seed_demo")
        rows.wait_until_settled(running)
        yield running


@pytest.fixture(scope="session")
def scenery(stack: Stack) -> Scenery:
    """Something to show on every page."""
    painted = paint(stack)
    rows.wait_until_settled(stack)
    return painted


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def remembered() -> dict[tuple[str, str], StorageState]:
    """What the browsers keep of logins, by portal and subject."""
    return {}


@pytest.fixture
def windows(
    chromium: Browser,
    stack: Stack,
    remembered: dict[tuple[str, str], StorageState],
    request: pytest.FixtureRequest,
) -> Iterator[Windows]:
    """Windows at the portal with the demonstration's data; a finding of their watcher fails the test."""
    yield from watched(Windows(chromium, stack, remembered), request)


def watched(opened: Windows, request: pytest.FixtureRequest) -> Iterator[Windows]:
    """Hand the windows to a test, tell what they showed if it fails, and fail it if they found something."""
    try:
        yield opened
        report = request.node.stash.get(REPORTS, {}).get("call")
        if report is not None and report.failed:
            _tell(opened, request.node)
    finally:
        opened.close()
    assert not opened.watcher.findings, "\n".join(opened.watcher.findings)


def _tell(opened: Windows, item: pytest.Item) -> None:
    for name, child in opened.stack.children.items():
        if name in {"web", "worker"}:
            item.add_report_section("teardown", f"log of {name}", child.log_tail())
    for number, page in enumerate(opened.pages):
        text = page.locator("body").inner_text()
        item.add_report_section("teardown", f"window {number}", f"{page.url}\n\n{text}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash.setdefault(REPORTS, {})[report.when] = report
    return report


@pytest.fixture
def kubectl_as(cluster_of_demonstration: SharedCluster, tmp_path: Path) -> KubectlAs:
    """Run the built kubectl with somebody's downloaded file."""
    return KubectlAs(cluster_of_demonstration, tmp_path / "home")


class KubectlAs:
    """kubectl on a laptop: the file that was downloaded, and the stand-in plugin that logs in as that person."""

    def __init__(self, cluster: SharedCluster, home: Path) -> None:
        self._cluster = cluster
        self._home = home
        home.mkdir()

    def __call__(self, person: DemoPerson, kubeconfig: Path, *arguments: str) -> tuple[int, str]:
        """Return the exit code, and what kubectl printed and complained of."""
        done = kubectl.run(
            self._cluster.binaries, arguments, kubeconfig=kubeconfig, home=self._home, subject=person.subject
        )
        return done.returncode, done.stdout + done.stderr

    def administrator(self, *arguments: str) -> str:
        """Run kubectl as an administrator of the cluster and return what it printed."""
        admin = self._cluster.layout.credential("admin")
        done = kubectl.run(self._cluster.binaries, arguments, kubeconfig=admin, home=self._home)
        return done.stdout + done.stderr
