#!/bin/sh
# Resolves pyproject.toml into the hashed locks. They hold no address of an index: any mirror serves them.
set -eu

cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"
}
compile pyproject.toml -o requirements/runtime.txt
compile pyproject.toml --group dev -c requirements/runtime.txt -o requirements/demo.txt
compile pyproject.toml --group dev --group test --group lint -c requirements/demo.txt -o requirements/dev.txt
echo uv | compile - -o requirements/uv.txt
