#!/bin/sh
# Every check that needs no running service. All of them run, so that one round shows everything; the exit code is the sum.
set -u

cd "$(dirname "$0")/.."
bin=.venv/bin
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=

check() {
    name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed="$failed, $name"
}

# Settings as in production, with stand-ins for secrets, so that the deployment checks judge what operators get.
production() {
    here=$scratch
    "$bin/python" -c 'import secrets; print(secrets.token_urlsafe(64))' >"$here/secret-key"
    cp tests/facts/* "$here/"
    env -i PATH="$PATH" HOME="$here" \
        BERTH_BASE_URL=https://berth.example.org BERTH_ALLOWED_HOSTS=berth.example.org BERTH_TRUSTED_PROXIES=1 \
        BERTH_SECRET_KEY_FILE="$here/secret-key" BERTH_DATA_DIR="$here" \
        BERTH_BROKER_URL=redis://:not-a-password@redis.example.org:6379/0 \
        BERTH_CLUSTERS="$here/clusters.yaml" BERTH_ISSUERS="$here/issuers.yaml" \
        "$bin/python" manage.py check --deploy --fail-level WARNING
}

check "format" "$bin/ruff" format --check .
check "lint" "$bin/ruff" check --output-format concise .
check "types" "$bin/mypy" --no-pretty
# Its formatter puts line breaks into blocks whose content is a value, so it only lints.
check "templates" "$bin/djlint" --quiet --lint templates
check "layers" "$bin/lint-imports" --no-logo
check "migrations" env BERTH_DATA_DIR="$scratch" "$bin/python" manage.py makemigrations --check --dry-run
check "deployment" production
check "dependencies" "$bin/python" -m pip check

if [ -n "$failed" ]; then
    printf 'lint: failed: %s\n' "${failed#, }"
    exit 1
fi
printf 'lint: all good\n'
