#!/bin/sh
# Looks the locked dependencies up among the known vulnerabilities. Needs the network, therefore it
# is no part of the test run. Ends with 0 only when each package could be looked up and none is known
# to be vulnerable.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check pip-audit
"$folder/bin/pip-audit" --strict --disable-pip --require-hashes \
    -r requirements/run.txt -r requirements/test.txt
