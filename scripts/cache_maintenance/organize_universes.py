"""`tickstock universe organize` under the name that existing instructions use. See README.md."""

import sys

from tickstock.cli import main

main(["universe", "organize", *sys.argv[1:]])
