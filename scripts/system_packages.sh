#!/bin/sh
# Installs what the tests need beside Python packages and Go: a Chromium, Python's module venv, and a Redis where
# no wheel carries one. As root on Debian or Ubuntu it installs what is missing; elsewhere it says what to install.
set -eu

missing=
chromium=no
for name in chromium chromium-browser; do
    if command -v "$name" >/dev/null; then chromium=yes; fi
done
[ "$chromium" = yes ] || missing="$missing chromium"

python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

# The wheel with a Redis server is for Linux on x86-64 and Python before 3.13.
if ! command -v redis-server >/dev/null; then
    python3 -c 'import platform, sys
sys.exit(not (platform.system() == "Linux" and platform.machine() == "x86_64" and sys.version_info < (3, 13)))' ||
        missing="$missing redis-server"
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "berth: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 - the list is meant to be split
    if ! apt-get install --yes --quiet --no-install-recommends $missing >/dev/null 2>&1; then
        apt-get update --quiet >/dev/null
        apt-get install --yes --quiet --no-install-recommends $missing
    fi
    exit 0
fi
cat >&2 <<MESSAGE
berth: the tests need$missing, which this machine lacks.
Debian and Ubuntu: sudo apt-get install$missing
Elsewhere: install Chromium and a Redis server, so that they are on PATH.
MESSAGE
exit 1
