"""What the machine does not give is told as such, by every face, and never as a fault of ours."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from tickstock.cli.output import report_error
from tickstock.shortage import shortage

SHORT = {
    "memory": MemoryError(),
    "memory of the kernel": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    "files": OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/a/secret/path"),
    "files of the machine": OSError(errno.ENFILE, os.strerror(errno.ENFILE)),
    "disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/secret/path"),
    "quota": OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/a/secret/path"),
    "threads": RuntimeError("can't start new thread"),
}
OTHERS = (ValueError("no memory"), RuntimeError("other"), FileNotFoundError(errno.ENOENT, "no"))


@pytest.mark.parametrize("error", SHORT.values(), ids=SHORT)
def test_a_shortage_is_told(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    found = shortage(error)
    assert found is not None
    assert "secret" not in str(found)
    assert report_error(error, as_json=False) == 1
    said = capsys.readouterr().err
    assert found.what in said
    assert "inside TickStock" not in said


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_not(error: Exception) -> None:
    assert shortage(error) is None


def test_that_of_an_array_too_large_is_one() -> None:
    with pytest.raises(MemoryError) as raised:
        np.empty(1 << 58, np.uint8)
    assert shortage(raised.value) is not None
