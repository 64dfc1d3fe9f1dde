"""What is broken is told on the page, the page answers, and the work is done when it can be.

These tests break things, so they have a portal of their own, and a way to the API server that they can close.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, StorageState, expect

from localcluster.layout import CLUSTER
from localcluster.people import ALEX, BEN, FAHIM, HOU_I, DemoPerson
from localcluster.processes import wait_until
from localcluster.testing import SharedCluster, shared_cluster
from tests import stack as stacks
from tests.benchmarks.people import log_in
from tests.conftest import documents
from tests.e2e import rows
from tests.e2e.conftest import watched
from tests.e2e.newcomers import EVERYBODY
from tests.e2e.passage import Passage
from tests.e2e.quality import html_problems
from tests.e2e.windows import Windows
from tests.stack import Stack

QUICKLY_MS = 10_000  # far above what a page needs, far below what somebody waits
BROKER_MS = 60_000  # a worker asks for its broker again every few seconds, then less often
LEASE_MS = 90_000  # who dies with a namespace in hands keeps others from it for a minute
ACTIVE = re.compile(r"You can use this namespace as editor · checked")
WAITING = re.compile(r"Waiting for the cluster since \d\d:\d\d")


@pytest.fixture(scope="module")
def cluster_of_the_frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedCluster]:
    """A control plane of its own: one installation of Berth works in a cluster, and no second one."""
    place = tmp_path_factory.mktemp("cluster-of-the-frail") / "control-plane"
    with shared_cluster(place, documents, people=EVERYBODY) as running:
        yield running


@pytest.fixture(scope="module")
def passage(cluster_of_the_frail: SharedCluster) -> Iterator[Passage]:
    with Passage(cluster_of_the_frail.layout.ports.api_server) as opened:
        yield opened


@pytest.fixture(scope="module")
def frail(
    cluster_of_the_frail: SharedCluster, passage: Passage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A portal whose workers reach the cluster by the passage; the demonstration's people are in it."""
    directory = tmp_path_factory.mktemp("frail")
    clusters_file = by_passage(cluster_of_the_frail, passage, directory)
    with stacks.running(cluster_of_the_frail, directory / "portal", clusters_file=clusters_file) as running:
        running.manage("seed_demo", "--only", "people")
        for person in (ALEX, BEN, FAHIM, HOU_I):
            log_in(running.url, running.cluster.layout, person.subject)
        yield running


def by_passage(cluster: SharedCluster, passage: Passage, directory: Path) -> Path:
    """Write facts and credentials of the same cluster at the other end of the passage."""
    document = yaml.safe_load(cluster.layout.clusters_file.read_text())
    entry = next(each for each in document["clusters"] if each["name"] == CLUSTER)
    entry |= {
        "server": passage.address,
        "certificate_authority_file": str(cluster.layout.certificate_authority),
    }
    for trust in entry["issuers"]:
        trust["certificate_authority_file"] = str(cluster.layout.certificate_authority)
    del entry["status_file"]  # like a cluster that runs elsewhere
    for account in entry["credentials"]:
        credential = yaml.safe_load(cluster.layout.credential(account).read_text())
        credential["clusters"][0]["cluster"]["server"] = passage.address
        path = directory / f"{account}.kubeconfig"
        path.touch(0o600)
        path.write_text(yaml.safe_dump(credential))
        entry["credentials"][account] = str(path)
    path = directory / "clusters.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def windows(
    chromium: Browser,
    frail: Stack,
    remembered: dict[tuple[str, str], StorageState],
    request: pytest.FixtureRequest,
) -> Iterator[Windows]:
    yield from watched(Windows(chromium, frail, remembered), request)


def request_of(stack: Stack, person: DemoPerson, namespace: str) -> str:
    """Let Alex create a namespace and this person ask to join it; return the address of the request."""
    rows.run(stack, "create", namespace, ALEX.subject, "listed")
    rows.wait_until_settled(stack)
    return f"/requests/{rows.run(stack, 'ask', namespace, person.subject, 'editor')}/"


def approve(page: Page, address: str) -> None:
    """Approve, and expect the page of the request soon."""
    page.goto(address)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("main")).to_contain_text("You approved", timeout=QUICKLY_MS)


def open_namespace(page: Page, namespace: str) -> None:
    page.goto(f"/namespaces/nautilus/{namespace}/")
    page.evaluate("window.asLoaded = true")


def state(page: Page, said: re.Pattern[str], milliseconds: int = QUICKLY_MS) -> None:
    """Expect the state line to say this, on the page as it was loaded."""
    expect(page.locator(".state-panel")).to_contain_text(said, timeout=milliseconds)
    assert page.evaluate("window.asLoaded") is True


def test_broker_that_is_down_delays_the_work_and_not_the_page(windows: Windows, frail: Stack) -> None:
    his, theirs = windows.open(ALEX), windows.open(BEN)
    wish = request_of(frail, BEN, "storm-cellar")
    frail.stop("redis")
    try:
        approve(his, wish)
        expect(his.locator("main")).to_contain_text(re.compile("waiting for the cluster since"))
        open_namespace(theirs, "storm-cellar")
        state(theirs, WAITING)
    finally:
        frail.start("redis")
    state(theirs, ACTIVE, BROKER_MS)


def test_worker_that_is_killed_midway_is_replaced(windows: Windows, frail: Stack, passage: Passage) -> None:
    his, theirs = windows.open(ALEX), windows.open(BEN)
    wish, other = request_of(frail, BEN, "storm-tower"), request_of(frail, FAHIM, "storm-gate")
    passage.hold()
    try:
        approve(his, wish)
        assert passage.somebody_waits(seconds=30), "no worker asked the API server"
        frail.kill("worker")
    finally:
        passage.release()
    open_namespace(theirs, "storm-tower")
    state(theirs, WAITING)
    frail.start("worker")
    # Another namespace does not wait for the one that the dead worker had in hands.
    approve(his, other)
    another = windows.open(FAHIM)
    open_namespace(another, "storm-gate")
    state(another, ACTIVE, BROKER_MS)
    state(theirs, ACTIVE, LEASE_MS)


def test_cluster_that_cannot_be_reached_is_told_and_followed_up(
    windows: Windows, frail: Stack, passage: Passage
) -> None:
    his, theirs = windows.open(ALEX), windows.open(BEN)
    wish = request_of(frail, BEN, "storm-bridge")
    passage.close()
    try:
        approve(his, wish)
        open_namespace(theirs, "storm-bridge")
        state(theirs, WAITING)
        anybody = windows.open()
        await_banner(anybody)
        for address in ("/", "/namespaces/", "/namespaces/nautilus/storm-bridge/"):
            answer = anybody.goto(address)
            assert answer is not None
            assert answer.status == 200
            assert not list(html_problems(answer.text()))
            expect(anybody.locator(".banner")).to_contain_text(
                "What is decided meanwhile takes effect by itself"
            )
    finally:
        passage.open()
    state(theirs, ACTIVE, BROKER_MS)
    theirs.reload()
    expect(theirs.locator(".banner")).to_have_count(0)


def await_banner(page: Page) -> None:
    """Load the page again until it says that the cluster does not answer."""
    page.goto("/namespaces/")

    def said() -> bool:
        page.reload()
        return page.get_by_text("Nautilus does not answer.").is_visible()

    wait_until(said, children=[], seconds=30, what="the banner")


def test_second_of_two_admins_is_told_who_decided(windows: Windows, frail: Stack) -> None:
    wish = request_of(frail, BEN, "storm-watch")
    rows.run(frail, "add", "storm-watch", HOU_I.subject, "admin", ALEX.subject)
    first, second = windows.open(HOU_I), windows.open(ALEX)
    for page in (first, second):
        page.goto(wish)
    first.locator("summary", has_text="Deny instead").click()
    first.get_by_label("Why not").fill("We have no place left before May.")
    first.get_by_role("button", name="Deny").click()
    expect(first.locator("main")).to_contain_text(f"You denied the request of {BEN.name}.")

    with second.expect_response(lambda response: response.request.method == "POST") as answer:
        second.get_by_role("button", name="Approve").click()
    assert answer.value.status == 409
    told = second.get_by_role("alert")
    expect(told).to_contain_text(f"This request was decided already: denied by {HOU_I.name}.")
    expect(second.locator("blockquote").first).to_have_text("We have no place left before May.")
    expect(second.get_by_role("button", name="Approve")).to_have_count(0)
    theirs = windows.open(BEN)
    theirs.goto("/config/")
    expect(theirs.locator("main")).not_to_contain_text("storm-watch")


@contextmanager
def changed(stack: Stack, *statements: str) -> Iterator[sqlite3.Connection]:
    """Change the portal's database behind its back."""
    path = Path(stack.environment["BERTH_DATA_DIR"]) / "berth.sqlite3"
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        yield connection


def error_page(page: Page, address: str, status: int, heading: str) -> str:
    """Expect an error page of ours, without a word for programmers; return the number of the request on it."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == status
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.get_by_role("link", name="Go to the start page")).to_be_visible()
    expect(page.get_by_role("link", name="Berth").first).to_be_visible()
    number = page.locator("main code").inner_text()
    assert number == answer.headers["x-request-id"]
    assert not re.search(r"Traceback|Exception|ValueError|OperationalError|\.py\b|SELECT ", answer.text())
    assert not list(html_problems(answer.text()))
    return number


def test_fault_of_ours_has_a_page_with_a_number_that_is_in_the_log(windows: Windows, frail: Stack) -> None:
    rows.run(frail, "create", "storm-wreck", ALEX.subject, "listed")
    rows.wait_until_settled(frail)
    page = windows.open(ALEX)
    mine = "namespace_id = (SELECT id FROM namespaces_namespace WHERE name = 'storm-wreck')"
    spoil = f"UPDATE namespaces_namespacestatus SET lease_holder = 'captain' WHERE {mine}"
    with changed(frail, spoil) as connection:
        try:
            with windows.watcher.expecting(500):
                number = error_page(
                    page, "/namespaces/nautilus/storm-wreck/", 500, "Something went wrong on our side"
                )
        finally:
            connection.execute(f"UPDATE namespaces_namespacestatus SET lease_holder = NULL WHERE {mine}")
            connection.commit()
    log = frail.children["web"].log_tail(lines=200)
    reason = "badly formed hexadecimal UUID string"
    assert re.search(f"{number}.*{reason}|{reason}.*{number}", log), log


def test_database_that_is_away_has_a_page_of_its_own(windows: Windows, frail: Stack) -> None:
    page = windows.open()
    with changed(frail, "ALTER TABLE namespaces_namespace RENAME TO namespaces_away") as connection:
        try:
            with windows.watcher.expecting(503):
                error_page(page, "/namespaces/nautilus/any-thing/", 503, "Berth cannot reach its database")
        finally:
            connection.execute("ALTER TABLE namespaces_away RENAME TO namespaces_namespace")
            connection.commit()


def test_page_that_is_not_there_or_not_allowed_says_so_in_the_frame(windows: Windows) -> None:
    page = windows.open(BEN)
    error_page(page, "/no/such/page/", 404, "There is nothing here")
    error_page(page, "/manage/create/", 403, "You may not do this")
    expect(page.locator("main")).to_contain_text("People of level admin and operators create namespaces.")
    error_page(page, "/namespaces/?page=0", 400, "This address or form cannot be used")
    expect(page.locator("main")).to_contain_text("This page knows no parameter “page”.")


def test_form_of_another_session_changes_nothing(windows: Windows) -> None:
    page = windows.open(ALEX)
    page.goto("/manage/create/")
    page.get_by_label("Name", exact=True).fill("storm-surge")
    page.locator("form.page-form [name=csrfmiddlewaretoken]").evaluate("each => each.value = 'x'.repeat(64)")
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name="Create the namespace").click()
    assert answer.value.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("This form is no longer valid")
    page.goto("/namespaces/?q=storm-surge")
    expect(page.locator("main")).to_contain_text("Nothing fits.")
