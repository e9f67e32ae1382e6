"""Which client programs are taken, from every set of versions that a machine may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tickstock.errors import DatabaseRefused
from tickstock.store import clients
from tickstock.store.clients import Client, for_dump, for_restore


def some(*versions: str) -> list[Client]:
    parts = [tuple(map(int, v.split("."))) for v in versions]
    return [Client(major, minor, Path(f"/{n}")) for n, (major, minor) in enumerate(parts)]


@pytest.mark.parametrize("choose", [for_dump, for_restore])
@pytest.mark.parametrize(
    ("here", "wanted", "chosen"),
    [
        (["16.14", "18.4", "15.18"], 15, "15.18"),
        (["16.14", "18.4", "15.2", "15.18"], 15, "15.18"),  # the newest of the same
        (["16.14", "18.4"], 15, "16.14"),  # the least newer one
        (["18.4", "16.14"], 17, "18.4"),
        (["16.14", "18.4"], 18, "18.4"),
        (["9.6", "18.4"], 10, "18.4"),
        (["16.14", "18.4"], 19, None),
        ([], 15, None),
    ],
)
def test_the_own_version_else_the_least_newer_one(
    choose: Callable[[list[Client], int], Client], here: list[str], wanted: int, chosen: str | None
) -> None:
    if chosen is not None:
        assert str(choose(some(*here), wanted)) == chosen
        return
    with pytest.raises(DatabaseRefused) as caught:
        choose(some(*here), wanted)
    assert f"postgresql-client-{wanted}" in caught.value.hint
    assert ("18.4" if here else "no client programs") in caught.value.what


def test_those_on_path_are_found_and_wrappers_and_broken_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {n: tmp_path / n for n in ("good", "wrapper", "broken", "half", "mute", "again")}
    for folder in folders.values():
        folder.mkdir()
    for name in clients.PROGRAMS:
        program(folders["good"] / name, "echo 'pg_dump (PostgreSQL) 77.3 (Some 77.3-1)'")
        program(tmp_path / "pg_wrapper", "echo 'pg_dump (PostgreSQL) 78.1'")
        (folders["wrapper"] / name).symlink_to(tmp_path / "pg_wrapper")
        program(folders["broken"] / name, "exit 127")
        program(folders["mute"] / name, "echo 'pg_dump 79'")
        (folders["again"] / name).symlink_to(folders["good"] / name)
    program(folders["half"] / "pg_dump", "echo 'pg_dump (PostgreSQL) 80.1'")
    monkeypatch.setenv("PATH", ":".join(["", *map(str, folders.values()), "/no/such"]))
    found = [c for c in clients.find() if c.major >= 77]
    assert [str(c) for c in found] == ["77.3", "77.3"]
    assert found[0].folder == folders["good"].resolve()


def program(file: Path, body: str) -> None:
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
