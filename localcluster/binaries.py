"""Find the binaries of the control plane, or build them once from the pinned Go modules.

`KUBEBUILDER_ASSETS` wins if it is set. Otherwise they are built with the Go toolchain from
`localcluster/go` into the user's cache directory, in a directory named after everything that went
into them, so that another version never mixes with this one.
"""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.processes import dying_with_parent, file_lock

KUBERNETES_VERSION = "1.37.2"
MINIMUM_GO = (1, 26)
PROGRESS_SECONDS = 30.0
_MODULES = Path(__file__).parent / "go"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.split(".")
# Without these, kubectl cannot parse the version that the server reports.
_VERSION_FLAGS = " ".join(
    f"-X k8s.io/{package}.{name}={value}"
    for package in ("component-base/version", "client-go/pkg/version")
    for name, value in (("gitVersion", f"v{KUBERNETES_VERSION}"), ("gitMajor", _MAJOR), ("gitMinor", _MINOR))
)

Progress = Callable[[str], None]


class BinariesMissing(LocalClusterError):
    """The binaries are not there and cannot be built; the text names the ways out."""


class BuildFailed(LocalClusterError):
    """The Go toolchain refused; the text has the end of what it said."""


@dataclass(frozen=True)
class Target:
    """One binary: which package of which Go module it is, and how it is linked."""

    name: str
    module: Path
    package: str
    link_flags: str = "-s -w"

    def command(self, output: Path) -> list[str]:
        """Return the build command; it runs in the directory of the module."""
        return [
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            f"-ldflags={self.link_flags}",
            "-o",
            str(output),
            self.package,
        ]


def _kubernetes(name: str) -> Target:
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Target(name, _MODULES / "kubernetes", package, f"-s -w {_VERSION_FLAGS}")


TARGETS: tuple[Target, ...] = (
    Target("etcd", _MODULES / "etcd", "go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kubectl"),
)


@dataclass(frozen=True)
class Binaries:
    """A directory that holds all four binaries."""

    directory: Path

    def __getitem__(self, name: str) -> str:
        return str(self.directory / name)


def cache_directory() -> Path:
    """Return where builds are kept: the user's cache directory, `XDG_CACHE_HOME` if that is set."""
    if configured := os.environ.get("XDG_CACHE_HOME"):
        base = Path(configured)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
    return base / "berth" / "localcluster"


def stamp(targets: Sequence[Target] = TARGETS) -> str:
    """Return the name of a build: a digest of the pinned versions, the flags and the kind of machine."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for target in targets:
        digest.update("\0".join(target.command(Path(target.name))).encode())
        for name in ("go.mod", "go.sum"):
            digest.update((target.module / name).read_bytes())
    return digest.hexdigest()[:20]


def missing(directory: Path, targets: Sequence[Target] = TARGETS) -> list[str]:
    """Return the names of the binaries that this directory lacks."""
    return [target.name for target in targets if not os.access(directory / target.name, os.X_OK)]


def find() -> Binaries | None:
    """Return the binaries if they are there, None if they would have to be built.

    Raises BinariesMissing if `KUBEBUILDER_ASSETS` is set to a directory that lacks one of them.
    """
    if configured := os.environ.get("KUBEBUILDER_ASSETS"):
        directory = Path(configured).absolute()
        if lacking := missing(directory):
            raise BinariesMissing(
                f"KUBEBUILDER_ASSETS is {configured}, but {', '.join(lacking)} is not there as a program "
                "that can be run. The local control plane needs etcd, kube-apiserver, "
                "kube-controller-manager and kubectl. Complete the directory, or unset "
                "KUBEBUILDER_ASSETS to have them built."
            )
        return Binaries(directory)
    directory = cache_directory() / stamp()
    return None if missing(directory) else Binaries(directory)


def require() -> Binaries:
    """Return the binaries; raises BinariesMissing if they are not there or not yet built."""
    if found := find():
        return found
    raise BinariesMissing(
        "the binaries are not built yet; `python -m localcluster build` builds them in "
        f"{cache_directory() / stamp()}"
    )


def find_or_build(progress: Progress) -> Binaries:
    """Return the binaries, built now if need be (about ten minutes the first time, on two cores).

    Several processes may call this at once: one builds, the others wait for it. Raises
    BinariesMissing or BuildFailed.
    """
    if found := find():
        return found
    check_go()
    return Binaries(build(TARGETS, cache_directory(), progress))


def check_go() -> None:
    """Raise BinariesMissing unless a Go toolchain that is new enough is on PATH."""
    way_out = (
        f"Install Go {MINIMUM_GO[0]}.{MINIMUM_GO[1]} or newer and put `go` on PATH (the binaries are then "
        "built once, about ten minutes), or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver, "
        "kube-controller-manager and kubectl."
    )
    if shutil.which("go") is None:
        raise BinariesMissing(
            f"the binaries of the local control plane are not built, and there is no Go. {way_out}"
        )
    # In the directory of the module, because there a newer toolchain may be chosen by go.mod.
    answer = subprocess.run(
        ["go", "version"], cwd=_MODULES / "etcd", capture_output=True, text=True, timeout=300, check=False
    )
    version = re.search(r"\bgo(\d+)\.(\d+)", answer.stdout)
    if answer.returncode or version is None:
        raise BinariesMissing(f"`go version` failed: {(answer.stderr or answer.stdout).strip()}. {way_out}")
    if (int(version[1]), int(version[2])) < MINIMUM_GO:
        raise BinariesMissing(f"the Go on PATH is {version[0].strip()}, which is too old. {way_out}")


def build(targets: Sequence[Target], cache: Path, progress: Progress) -> Path:
    """Build the targets into a directory below `cache` and return it; only one process at a time builds."""
    final = cache / stamp(targets)
    with _build_lock(cache / "build.lock", progress):
        if not missing(final, targets):
            return final
        for abandoned in cache.glob("building-*"):
            shutil.rmtree(abandoned)
        if final.exists():  # somebody took a binary away
            shutil.rmtree(final)
        workshop = Path(tempfile.mkdtemp(prefix="building-", dir=cache))
        for number, target in enumerate(targets, 1):
            _build_one(target, workshop / target.name, f"{number} of {len(targets)}", progress)
        workshop.chmod(0o755)
        workshop.rename(final)
    return final


@contextlib.contextmanager
def _build_lock(path: Path, progress: Progress) -> Iterator[None]:
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        last = -PROGRESS_SECONDS
        while True:
            try:
                stack.enter_context(file_lock(path, wait=False))
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if waited - last >= PROGRESS_SECONDS:
                    progress(f"another process is building the binaries, waiting, {_minutes(waited)}")
                    last = waited
                time.sleep(0.2)
        yield


def _build_one(target: Target, output: Path, place: str, progress: Progress) -> None:
    started = time.monotonic()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [*_low_priority(), *target.command(output)],
            cwd=target.module,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509
        )
        try:
            while process.poll() is None:
                progress(f"building {target.name}, {place}, {_minutes(time.monotonic() - started)}")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PROGRESS_SECONDS)
        finally:
            if process.poll() is None:  # we were interrupted
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        if process.returncode:
            said.seek(0)
            tail = "\n".join(said.read().splitlines()[-30:])
            raise BuildFailed(
                f"building {target.name} failed. Go said:\n{tail}\nThe first build downloads its sources and "
                "needs the network, later ones do not. Instead of building, KUBEBUILDER_ASSETS can name a "
                "directory with the binaries."
            )
    progress(f"built {target.name}, {place}, {_minutes(time.monotonic() - started)}")


def _low_priority() -> list[str]:
    """The machine belongs to the person in front of it; the build takes what is left."""
    ionice = ["ionice", "-c", "3"] if shutil.which("ionice") else []
    return ["nice", "-n", "19", *ionice]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
