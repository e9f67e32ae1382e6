"""What the pages name exists: pages, files, commands, options, settings, tables."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from tests.docs.markdown import ROOT, blocks, pages, prose, slugs
from tickstock.cli.app import app
from tickstock.config import variables

PAGES = [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages()]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FILE = re.compile(r"[\w/.]*/[\w.-]+\.(?:py|sql|csv|sh|md)")
SETTING = re.compile(r"\b(?:TICKSTOCK|MASSIVE|REDIS|DATABASE)_[A-Z_]+\b")
TABLE = re.compile(r"tickstock\.(\w+)")
NOT_TABLES = {"toml", "log", "reason", "source"}
EVERYWHERE = {"--help", "-h", "--version"}


def spans(page: Path) -> list[str]:
    """Code in running text and in tables."""
    return [s.replace("\\|", "|") for s in CODE.findall(prose(page.read_text("utf-8")))]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page.read_text("utf-8"))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in slugs(target.read_text("utf-8")), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES)
def test_files_exist(page: Path) -> None:
    for span in spans(page):
        if FILE.fullmatch(span) and span.split("/")[0] not in ("members", "logs"):
            roots = (ROOT, ROOT / "src" / "tickstock", page.parent)
            assert any((root / span).exists() for root in roots), f"{page.name} names {span}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    fenced = [b.text for b in blocks(text) if b.language in ("sh", "console", "ini", "")]
    for words in commands_in("\n".join(fenced), spans(page)):
        check_command(words, page.name)


def commands_in(fenced: str, inline: list[str]) -> Iterator[list[str]]:
    """The words behind `tickstock`, for each place where it is called."""
    fenced = re.sub(r"\\\n\s*", "", fenced)
    called = re.findall(r"(?<![\w/.-])(?:\S*/bin/)?tickstock +([a-z-][^\n]*)", fenced)
    called += [s.removeprefix("tickstock ") for s in inline if s.startswith("tickstock ")]
    for text in called:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        yield list(until_pipe(lexer))


def until_pipe(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        if word == "--" or set(word) <= set("|&;<>"):
            return
        yield word


def check_command(words: list[str], where: str) -> None:
    found: App = app
    rest = list(words)
    while found.default_command is None and rest and not rest[0].startswith("-"):
        assert rest[0] in found, f"{where} calls tickstock {' '.join(words)}"
        found = found[rest.pop(0)]
    known = EVERYWHERE if found.default_command is None else option_names(found) | EVERYWHERE
    for option in (w.partition("=")[0] for w in rest if w.startswith("-")):
        assert option in known, f"{where} calls tickstock {' '.join(words)}"


def option_names(command: App) -> set[str]:
    return {name for a in command.assemble_argument_collection() for name in a.names}


def every_command(start: App = app) -> Iterator[App]:
    for name in start:
        if not name.startswith("-"):
            found = start[name]
            yield from every_command(found) if found.default_command is None else [found]


def test_options_that_are_named_alone_exist() -> None:
    known = set().union(*(option_names(c) for c in every_command())) | EVERYWHERE
    known |= {"--check", "--require-hashes", "--now"}  # of scripts, of pip and of pytest
    for page in pages():
        for span in spans(page):
            if re.fullmatch(r"--[a-z-]+( [A-Z]+)?", span):
                assert span.split(" ")[0] in known, f"{page.name} names {span}"


@pytest.mark.parametrize("page", PAGES)
def test_settings_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    unknown = set(SETTING.findall(text)) - set(variables()) - {"TICKSTOCK_TEST_NOW"}  # of tests
    assert not unknown, page.name
    for block in blocks(text):
        if block.language == "toml" and "[" not in block.text:
            names = tomllib.loads(block.text)
            assert names.keys() <= set(variables().values()), f"{page.name}:{block.line}"


@pytest.mark.parametrize("page", PAGES)
def test_tables_exist(page: Path) -> None:
    schema = (ROOT / "src" / "tickstock" / "store" / "schema.sql").read_text("utf-8")
    for span in spans(page):
        named = TABLE.fullmatch(span)
        if named and named[1] not in NOT_TABLES:
            assert f"tickstock.{named[1]}" in schema, f"{page.name} names {span}"


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in pages()
        for link in LINK.findall(page.read_text("utf-8"))
        if not link.startswith(("https://", "#"))
    }
    index = ROOT / "docs" / "README.md"
    alone = [p for p in index.parent.rglob("*.md") if p != index and p.resolve() not in linked]
    assert not alone


@pytest.mark.parametrize(
    "words", [["universe", "lst"], ["load", "--for-ever"], ["nothing"], ["jobs", "show", "--x"]]
)
def test_a_wrong_mention_is_noticed(words: list[str]) -> None:
    with pytest.raises(AssertionError):
        check_command(words, "here")
