#!/bin/sh
# Makes the virtual environment .venv from a hashed lock, or does nothing if it is up to date.
#
#   scripts/environment.sh demo    what the demonstration needs
#   scripts/environment.sh dev     that, and what tests and lint need
#
# BERTH_PYTHON names the Python to use; otherwise the first suitable one of python3, python3.13, python3.12, python3.11.
set -eu

cd "$(dirname "$0")/.."
kind=${1:?usage: scripts/environment.sh demo|dev}
lock=requirements/$kind.txt
installer=requirements/uv.txt
environment=.venv
suitable='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
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

make_environment() {
    python=$(choose_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
        "the Python at $python lacks the module venv. On Debian and Ubuntu: apt-get install python3-venv"
    echo "berth: making $environment with $("$python" --version)"
    "$python" -m venv --clear "$environment"
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
if ! "$environment/bin/python" -c "$suitable" 2>/dev/null; then
    make_environment
fi
wanted=$(stamp "$lock")
if [ "$(cat "$environment/.berth-$kind" 2>/dev/null || true)" != "$wanted" ]; then
    rm -f "$environment"/.berth-*
    install
    # The source tree is importable from anywhere, as an editable installation would make it.
    pwd >"$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/berth.pth"
    echo "$wanted" >"$environment/.berth-$kind"
    # Everything of demo.txt is in dev.txt, in the same versions.
    if [ "$kind" = dev ]; then
        stamp requirements/demo.txt >"$environment/.berth-demo"
    fi
fi
