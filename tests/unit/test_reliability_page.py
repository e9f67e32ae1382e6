"""The page of the long form says what the runs gave, and says where one failed."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.page import Piece, added_up, page, read, write


def piece(name: str, seeds: str = "", *, good: bool = True, **figures: object) -> Piece:
    told = ({"what": name, **figures},) if figures else ()
    return Piece(name, seeds, "2026-01-05 12:00", 1.5, good, "said", told)


def test_a_piece_that_is_run_again_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    file = tmp_path / "figures.jsonl"
    write(file, piece("kill", "0-1", kills=5))
    write(file, piece("kill", "2-3", kills=7))
    write(file, piece("kill", "0-1", kills=6))
    assert read(file) == [piece("kill", "0-1", kills=6), piece("kill", "2-3", kills=7)]


def test_numbers_of_runs_are_added_up_and_others_are_the_last() -> None:
    pieces = [piece("kill", "0", kills=5, points=70), piece("kill", "1", kills=6, points=71)]
    assert added_up(pieces) == [({"what": "kill", "kills": 11, "points": 71}, "kill")]


def test_a_piece_that_failed_is_on_the_page_as_failed() -> None:
    text = page([piece("kill", kills=5, points=["a", "b"]), piece("freeze", good=False)])
    assert "| kill | kill | kills 5 |" in text
    assert "`a` · `b`" in text
    assert "| freeze | 2026-01-05 12:00 | 2 | **failed**: said |" in text
