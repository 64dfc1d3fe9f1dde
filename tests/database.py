"""Plugin of pytest: the environment of the tests, set before Django reads it. `--db postgres` starts a real PostgreSQL.

Loaded with `-p tests.database` (pyproject.toml), because a conftest comes too late for settings.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

FACTS = Path(__file__).parent / "facts"
ENVIRONMENT = {
    "BERTH_CLUSTERS": str(FACTS / "clusters.yaml"),
    "BERTH_ISSUERS": str(FACTS / "issuers.yaml"),
    "BERTH_STATIC_FROM_SOURCE": "1",
    "BERTH_BROKER_URL": "memory://",
    "BERTH_BASE_URL": "http://localhost:8088",
    "BERTH_DATA_DIR": str(Path(tempfile.gettempdir()) / "berth-tests-unused"),
    # A wrong answer of the machine's own trust settings must never decide a test.
    "REQUESTS_CA_BUNDLE": "/nonexistent",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", choices=("sqlite", "postgres"), default="sqlite", help="which database to test on")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("BERTH_")]:
        del os.environ[name]
    os.environ |= ENVIRONMENT
    if early_config.known_args_namespace.db == "postgres":
        # Workers of xdist inherit the address from the process that started the server.
        if "TEST_POSTGRES" not in os.environ:
            os.environ["TEST_POSTGRES"] = _start_postgres(early_config)
        os.environ["DATABASE_URL"] = os.environ["TEST_POSTGRES"]
    else:
        os.environ.pop("DATABASE_URL", None)


def _start_postgres(config: pytest.Config) -> str:
    from localcluster import services  # noqa: PLC0415  (only this choice needs it)

    directory = tempfile.TemporaryDirectory(prefix="berth-postgres-")
    config.add_cleanup(directory.cleanup)
    return services.postgres(Path(directory.name))
