"""A group of processes that has so much memory and no more: the kernel ends one that takes more, as
it does in a container."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    folder: Path
    events: str
    """The file of it that counts what the kernel ended."""

    @property
    def ended(self) -> int:
        """How many processes the kernel has ended for the memory that they took."""
        found = re.search(
            r"^oom_kill (\d+)", (self.folder / self.events).read_text("ascii"), re.MULTILINE
        )
        assert found is not None
        return int(found[1])


@contextmanager
def memory_group(most: int) -> Iterator[MemoryGroup]:
    """A group of `most` bytes, or a skipped test where nobody may make one here."""
    is_old = (ROOT / "memory" / "memory.limit_in_bytes").exists()
    folder = (ROOT / "memory" if is_old else ROOT) / f"tickstock-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as e:
        pytest.skip(f"no group of processes can be made here: {e.strerror}")
    try:
        try:
            if is_old:
                (folder / "memory.limit_in_bytes").write_text(str(most), "ascii")
            else:
                (folder / "memory.max").write_text(str(most), "ascii")
                (folder / "memory.swap.max").write_text("0", "ascii")
        except OSError as e:
            pytest.skip(f"the memory of a group cannot be bounded here: {e.strerror}")
        yield MemoryGroup(folder, "memory.oom_control" if is_old else "memory.events")
    finally:
        folder.rmdir()
