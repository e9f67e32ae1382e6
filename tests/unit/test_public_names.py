"""What `import tickstock` offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tickstock


def test_every_public_name_is_there() -> None:
    for name in tickstock.__all__:
        assert getattr(tickstock, name) is not None
    misspelt = "Tickstock"
    with pytest.raises(AttributeError, match=misspelt):
        getattr(tickstock, misspelt)


def test_the_import_alone_loads_nothing_else() -> None:
    code = "import sys, tickstock; print([m for m in sys.modules if m.startswith('tickstock.')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
