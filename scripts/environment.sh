#!/bin/sh
# Makes the virtual environment .venv from a hashed lock, or does nothing if it is up to date.
#
#   scripts/environment.sh demo    what the demonstration needs
#   scripts/environment.sh dev     that, and what tests and lint need
#
# BERTH_PYTHON names the Python to use; otherwise the first suitable one of python3, python3.13, python3.12, python3.11.
set -eu

cd "$(dirname "$0")/.."
here=$(pwd -P)
kind=${1:?usage: scripts/environment.sh demo|dev}
lock=requirements/$kind.txt
installer=requirements/uv.txt
environment=.venv
suitable='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
# Programs in an environment name its path in their first line, so that one that was moved is of no use.
whole='import pathlib, sys, sysconfig
mark = pathlib.Path(sysconfig.get_path("purelib"), "berth.pth")
sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 14) and mark.read_text().strip() == sys.argv[1]))'
# The kernel gives the lock back when this script and what it started have ended, however that came about.
hold='import fcntl, sys, time
begun = time.monotonic()
while True:
    try:
        sys.exit(fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        if len(sys.argv) == 1:
            print("berth: another command is making .venv; waiting for it, at most 10 minutes", flush=True)
            sys.argv.append("said")
        if time.monotonic() > begun + 600:
            sys.exit("berth: another command has been making .venv for 10 minutes. End it, and try again.")
        time.sleep(0.2)'
# Without this Ctrl-C shows where Python was.
quietly='import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)'
version='import platform, sys; print(sys.implementation.name, platform.python_version(), platform.machine())'

fail() {
    printf 'berth: %s\n' "$*" >&2
    exit 1
}

choose_python() {
    for candidate in ${BERTH_PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if path=$(command -v "$candidate") && "$path" -c "$suitable" 2>/dev/null; then
            echo "$path"
            return
        fi
    done
    found=$("${BERTH_PYTHON:-python3}" --version 2>/dev/null || echo "no ${BERTH_PYTHON:-python3}")
    fail "Python 3.11, 3.12 or 3.13 is needed, and there is $found." \
        "Install one of them, or name it: BERTH_PYTHON=/path/to/python3.12 make ..."
}

checksum() {
    "$environment/bin/python" - "$@" <<'PYTHON'
import hashlib, pathlib, sys
print(hashlib.sha256(b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])).hexdigest())
PYTHON
}

stamp() {
    "$environment/bin/python" -c "$version"
    checksum "$1" "$installer"
}

is_whole() {
    "$environment/bin/python" -c "$whole" "$here" 2>/dev/null
}

is_current() {
    is_whole && [ "$(cat "$environment/.berth-$kind" 2>/dev/null || true)" = "$(stamp "$lock")" ]
}

make_environment() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
        "the Python at $python lacks the module venv. On Debian and Ubuntu: apt-get install python3-venv"
    echo "berth: making $environment with $("$python" --version)"
    "$python" -c "$quietly
import sys, venv
venv.main(sys.argv[1:])" --clear "$environment"
    # The source tree is importable from anywhere, as an editable installation would make it. Written last: an
    # environment without it is one that was interrupted.
    echo "$here" >"$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/berth.pth"
}

pip() {
    "$environment/bin/python" -m pip "$@" --quiet --disable-pip-version-check --require-hashes
}

# uv installs the same lock in a tenth of the time; where it has no wheel or cannot reach the index, pip does the work.
uv() {
    uv=$environment/bin/uv
    if ! "$uv" --version >/dev/null 2>&1; then
        pip install --only-binary :all: -r "$installer" || return 1
    fi
    # An index or a certificate authority that was configured for pip holds for uv as well.
    index=$("$environment/bin/python" -m pip config get global.index-url 2>/dev/null || true)
    UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$index}}
    SSL_CERT_FILE=${SSL_CERT_FILE:-${PIP_CERT:-}}
    [ -z "$UV_DEFAULT_INDEX" ] && unset UV_DEFAULT_INDEX || export UV_DEFAULT_INDEX
    [ -z "$SSL_CERT_FILE" ] && unset SSL_CERT_FILE || export SSL_CERT_FILE
    VIRTUAL_ENV=$PWD/$environment "$uv" --quiet pip "$@"
}

install() {
    echo "berth: installing $lock"
    case $kind in
    dev) uv sync --require-hashes "$lock" "$installer" || pip install -r "$lock" ;;
    *) uv install --require-hashes -r "$lock" || pip install -r "$lock" ;;
    esac
}

[ -f "$lock" ] || fail "there is no $lock"
if is_current; then
    exit
fi
python=$(choose_python)
exec 9>"$environment.lock"
"$python" -c "$quietly
$hold"
if is_current; then
    exit
fi
is_whole || make_environment
rm -f "$environment"/.berth-*
install
stamp "$lock" >"$environment/.berth-$kind"
# Everything of demo.txt is in dev.txt, in the same versions.
if [ "$kind" = dev ]; then
    stamp requirements/demo.txt >"$environment/.berth-demo"
fi
