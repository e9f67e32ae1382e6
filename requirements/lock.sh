#!/bin/sh
# Makes the lock files anew from pyproject.toml. Needs uv. Run it from the root of the checkout.
set -eu
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command requirements/lock.sh "$@"; }
compile pyproject.toml requirements/build.in --extra serve -o requirements/run.txt
compile pyproject.toml requirements/build.in --all-extras -c requirements/run.txt \
    -o requirements/extras.txt
compile pyproject.toml requirements/build.in --extra serve --group dev -c requirements/extras.txt \
    -o requirements/test.txt
