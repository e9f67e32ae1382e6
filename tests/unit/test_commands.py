"""Commands: each says what it does once, in its docstring, for lists, help and reference."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tickstock.cli.app import COMMANDS, GROUPS, app, run, text_of

PLACES = {
    **{(name,): place for name, place in COMMANDS.items()},
    **{(g, name): place for g, (_, found) in GROUPS.items() for name, place in found.items()},
}


@pytest.mark.parametrize("words", PLACES, ids=" ".join)
def test_the_text_read_is_the_docstring(words: tuple[str, ...]) -> None:
    module, _, name = PLACES[words].partition(":")
    function = getattr(importlib.import_module(f"tickstock.cli.{module}"), name)
    shown, written = text_of(PLACES[words]), inspect.getdoc(function) or ""
    assert shown.split() == written.split()  # its lines are broken where the terminal ends
    assert shown.count("\n\n") == written.count("\n\n")


@pytest.mark.parametrize("words", PLACES, ids=" ".join)
def test_its_first_line_is_a_sentence_that_fits_into_a_list(words: tuple[str, ...]) -> None:
    first, _, rest = text_of(PLACES[words]).partition("\n")
    assert len(first) <= 76
    assert first.endswith(".")
    assert not rest or rest.startswith("\n")


def test_lists_show_the_first_line_and_help_shows_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", "--help"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert "Remove a schedule." in listed
    assert "The jobs that it made stay." not in listed
    assert run(["schedule", "remove", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Remove a schedule." in shown
    assert "The jobs that it made stay." in shown


def test_every_group_says_what_it_is_for() -> None:
    assert all(app[group].help.endswith(".") for group in GROUPS)
