import multiprocessing
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from localcluster import binaries
from localcluster.binaries import BinariesMissing, BuildFailed, Target

# Stands in for the Go toolchain: writes what it was asked for, takes a moment, and counts its calls.
FAKE_GO = """#!/bin/sh
echo "$@" >> "$CALLS"
if [ "$1" = version ]; then echo "go version ${GO_VERSION:-go1.26.8} linux/amd64"; exit 0; fi
[ -z "$FAIL" ] || { echo "undefined: everything"; exit 1; }
sleep "${SECONDS_TAKEN:-0}"
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\n' > "$2"; chmod +x "$2"
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the fake toolchain on PATH; return the file that lists its calls."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text(FAKE_GO)
    (tools / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


@pytest.fixture
def targets(tmp_path: Path) -> tuple[Target, ...]:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module example.test\n")
    (module / "go.sum").write_text("")
    return (Target("first", module, "example.test/first"), Target("second", module, "example.test/second"))


def _fill(directory: Path, *names: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).touch(mode=0o755)


def test_configured_directory_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(tmp_path, "etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    found = binaries.find()
    assert found is not None
    assert found["kubectl"] == str(tmp_path / "kubectl")


def test_configured_directory_that_lacks_a_binary_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(tmp_path, "etcd", "kube-apiserver", "kubectl")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(BinariesMissing, match=f"{tmp_path}, but kube-controller-manager is not there"):
        binaries.find_or_build(print)


def test_file_that_cannot_be_run_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(tmp_path, "etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
    (tmp_path / "etcd").chmod(0o644)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(BinariesMissing, match="but etcd is not there"):
        binaries.find()


def test_without_go_both_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinariesMissing, match=r"Install Go 1\.26 or newer.*or set KUBEBUILDER_ASSETS"):
        binaries.find_or_build(print)


def test_old_go_is_refused_with_its_version(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_VERSION", "go1.25.9")
    with pytest.raises(BinariesMissing, match=r"go1\.25, which is too old.*KUBEBUILDER_ASSETS"):
        binaries.check_go()


def test_newer_go_is_accepted(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_VERSION", "go2.0")
    binaries.check_go()
    assert go.read_text() == "version\n"


def test_build_is_published_whole_and_reused(go: Path, targets: tuple[Target, ...], tmp_path: Path) -> None:
    said: list[str] = []
    built = binaries.build(targets, tmp_path / "cache", said.append)
    assert {path.name for path in built.iterdir()} == {"first", "second"}
    assert said[0] == "building first, 1 of 2, 0 s"
    assert binaries.build(targets, tmp_path / "cache", said.append) == built
    assert len(go.read_text().splitlines()) == 2


def test_missing_binary_of_a_build_is_built_again(
    go: Path, targets: tuple[Target, ...], tmp_path: Path
) -> None:
    built = binaries.build(targets, tmp_path / "cache", print)
    (built / "second").unlink()
    binaries.build(targets, tmp_path / "cache", print)
    assert (built / "second").exists()


def test_changed_versions_and_flags_make_another_build(targets: tuple[Target, ...]) -> None:
    before = binaries.stamp(targets)
    other_flags = (Target("first", targets[0].module, targets[0].package, "-s"), targets[1])
    assert binaries.stamp(other_flags) != before
    (targets[0].module / "go.sum").write_text("example.test v2\n")
    assert binaries.stamp(targets) != before


def test_failed_build_publishes_nothing_and_repeats_what_go_said(
    go: Path, targets: tuple[Target, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "yes")
    with pytest.raises(BuildFailed, match=r"building first failed(.|\n)*undefined: everything"):
        binaries.build(targets, tmp_path / "cache", print)
    assert not (tmp_path / "cache" / binaries.stamp(targets)).exists()


def test_what_an_interrupted_build_left_is_cleared(
    go: Path, targets: tuple[Target, ...], tmp_path: Path
) -> None:
    _fill(tmp_path / "cache" / "building-abandoned", "first")
    binaries.build(targets, tmp_path / "cache", print)
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert names == {"build.lock", binaries.stamp(targets)}


def _build_and_say(targets: tuple[Target, ...], cache: Path, lines: "multiprocessing.Queue[str]") -> None:
    lines.put(str(binaries.build(targets, cache, lambda line: None)))


def test_processes_at_the_same_time_build_once(
    go: Path, targets: tuple[Target, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECONDS_TAKEN", "0.3")
    context = multiprocessing.get_context("spawn")
    lines: multiprocessing.Queue[str] = context.Queue()
    arguments = (targets, tmp_path / "cache", lines)
    workers = [context.Process(target=_build_and_say, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    answers = {lines.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(60)
    assert answers == {str(tmp_path / "cache" / binaries.stamp(targets))}
    assert len(go.read_text().splitlines()) == len(targets)


def test_waiting_for_another_build_is_said(
    go: Path, targets: tuple[Target, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECONDS_TAKEN", "0.5")
    context = multiprocessing.get_context("spawn")
    lines: multiprocessing.Queue[str] = context.Queue()
    other = context.Process(target=_build_and_say, args=(targets, tmp_path / "cache", lines))
    other.start()
    deadline = time.monotonic() + 60
    while not go.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    said: list[str] = []
    binaries.build(targets, tmp_path / "cache", said.append)
    other.join(60)
    assert said == ["another process is building the binaries, waiting, 0 s"]


def test_build_runs_at_the_lowest_priority() -> None:
    assert binaries._low_priority()[:3] == ["nice", "-n", "19"]


def test_modules_pin_what_the_program_says() -> None:
    pinned = (binaries.TARGETS[1].module / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{binaries.KUBERNETES_VERSION}" in pinned


def test_cache_directory_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = "Library/Caches" if sys.platform == "darwin" else ".cache"
    assert binaries.cache_directory() == tmp_path / expected / "berth" / "localcluster"


def test_published_directory_can_be_read_by_everybody(
    go: Path, targets: tuple[Target, ...], tmp_path: Path
) -> None:
    built = binaries.build(targets, tmp_path / "cache", print)
    assert stat.S_IMODE(built.stat().st_mode) == 0o755
