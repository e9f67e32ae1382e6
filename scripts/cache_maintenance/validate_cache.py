"""`tickstock universe validate` under the name that existing instructions use. See README.md."""

import sys

from tickstock.cli import main

main(["universe", "validate", *sys.argv[1:]])
