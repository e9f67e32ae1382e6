"""Definitions of universes: the shipped ones and a folder of the user's own, in one form.

A definition is a TOML table `[type.key]` with `name`, `description` and one of `symbols` (a list),
`members` (a list beside it, in any form that an import reads) or `expression`; `source` and `as_of`
say where the members come from and of which day they are. `history` names a CSV file of dated
membership (see `intervals`) that is good up to `as_of`. All mistakes of all files come at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tickstock.errors import BadFile, BadInput
from tickstock.model import UNIVERSE_TYPES, UniverseRef
from tickstock.universes.expression import parse
from tickstock.universes.files import (
    MAX_BYTES,
    MAX_HISTORY_BYTES,
    Imported,
    read_file,
    read_history,
)
from tickstock.universes.identifiers import Identify, nobody_knows
from tickstock.universes.key import check_key, check_name
from tickstock.universes.membership import History
from tickstock.universes.remark import Remark
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.universes.symbol import read_symbols

MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Definition:
    """What a universe should be: `symbols` in the given order, or an `expression` over others.

    `source` and `as_of` tell where the members come from and of which day they are; empty and
    None where the definition itself is the source. `history` is who was in it on past days.
    """

    ref: UniverseRef
    name: str
    description: str = ""
    symbols: tuple[str, ...] = ()
    expression: str | None = None
    source: str = ""
    as_of: date | None = None
    history: History | None = None

    @property
    def provenance(self) -> str:
        """Source and day in one line, as they are kept beside the stored row."""
        return f"{self.source}, as of {self.as_of}".strip(", ") if self.as_of else self.source


def source_day(provenance: str) -> date | None:
    """The day in a `Definition.provenance`; None where it names none."""
    found = re.search(r"as of (\d{4}-\d{2}-\d{2})$", provenance)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Definitions in the order of their files, and remarks: respelled and repeated symbols."""

    definitions: tuple[Definition, ...]
    remarks: tuple[Remark, ...] = ()


def shipped() -> Catalog:
    """The definitions that come with TickStock."""
    return _CatalogReader(resources.files("tickstock") / "data" / "catalog").read()


def read_folder(folder: Path, identify: Identify = nobody_knows, today: date = date.max) -> Catalog:
    """The definitions in the `*.toml` files of `folder`. `identify` tells of identifiers which
    symbols they have; of a dated list those who are in it `today` are members.

    Raises BadFile when the folder cannot be read or holds none, and, naming every mistake with
    its file and line, when any of them is wrong.
    """
    if not folder.is_dir():
        raise BadFile(
            f"The folder of universe definitions {folder} does not exist.",
            "Make it or change TICKSTOCK_UNIVERSES.",
        )
    return _CatalogReader(folder, identify, today).read()


def catalog(
    folder: Path | None = None, identify: Identify = nobody_knows, today: date = date.max
) -> Catalog:
    """The shipped definitions and those in `folder`, whose definition of the same ref wins; see
    `read_folder`."""
    ours = shipped()
    if folder is None:
        return ours
    own = read_folder(folder, identify, today)
    by_ref = {d.ref: d for d in (*ours.definitions, *own.definitions)}
    return Catalog(tuple(by_ref.values()), own.remarks)


# --- reading ------------------------------------------------------------------------------
class _Mistake(Exception):
    """Something wrong in a definition; `field` names the field it is in."""

    def __init__(self, what: str, field: str = "") -> None:
        super().__init__(what)
        self.field = field


class _Entry(BaseModel):
    """One table as it stands in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    description: str = ""
    symbols: list[str] | None = None
    members: str | None = None
    expression: str | None = None
    source: str = ""
    as_of: date | None = None
    history: str | None = None

    @model_validator(mode="after")
    def _one_content(self) -> _Entry:
        given = [f for f in ("symbols", "members", "expression") if getattr(self, f) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"needs one of symbols, members and expression, and has {found}")
        return self


@dataclass(frozen=True, slots=True)
class _File:
    """The text of a definition file, and where in it things stand."""

    name: str
    text: str

    def line_of(self, ref: UniverseRef, field: str = "") -> int | None:
        """The line of a field, else of its table; None where it is written another way."""
        key = rf"[\"']?{re.escape(ref.key)}[\"']?"
        table = re.search(rf"^[ \t]*\[\s*{ref.type}\s*\.\s*{key}\s*\]", self.text, re.MULTILINE)
        if table is None:
            return None
        body = re.split(r"^[ \t]*\[", self.text[table.end() :], maxsplit=1, flags=re.MULTILINE)[0]
        at = re.search(rf"^[ \t]*{re.escape(field)}\s*=", body, re.MULTILINE) if field else None
        return self.text.count("\n", 0, table.end() + at.start() if at else table.start()) + 1


class _CatalogReader:
    """Reads a folder and gathers what is to say about it."""

    def __init__(
        self, folder: Traversable, identify: Identify = nobody_knows, today: date = date.max
    ) -> None:
        self._folder, self._identify, self._today = folder, identify, today
        self._found: dict[UniverseRef, Definition] = {}
        self._places: dict[UniverseRef, Remark] = {}
        self._remarks: list[Remark] = []
        self._mistakes: list[Remark] = []

    def read(self) -> Catalog:
        names = sorted(f.name for f in self._folder.iterdir() if f.name.endswith(".toml"))
        for name in names:
            self._read_file(name)
        if self._mistakes:
            raise _all(self._mistakes)
        if not self._found:
            raise BadFile(f"{self._folder} holds no universe definitions.", "Add a *.toml file.")
        return Catalog(tuple(self._found.values()), tuple(self._remarks))

    def _read_file(self, name: str) -> None:
        try:
            file = _File(name, _decoded(self._folder / name))
            tables = tomllib.loads(file.text)
        except _Mistake as e:
            self._mistakes.append(Remark(name, None, str(e)))
        except (tomllib.TOMLDecodeError, RecursionError) as e:
            at = re.search(r"at line (\d+)", str(e))
            self._mistakes.append(Remark(name, int(at[1]) if at else None, f"is not TOML: {e}"))
        else:
            for kind, entries in tables.items():
                self._read_type(file, kind, entries)

    def _read_type(self, file: _File, kind: str, entries: object) -> None:
        if kind not in UNIVERSE_TYPES or not isinstance(entries, dict):
            guess = did_you_mean(kind, UNIVERSE_TYPES) or f"Types are {', '.join(UNIVERSE_TYPES)}."
            what = f"{shown(kind)} is no type of universe that can be defined. {guess}"
            self._mistakes.append(Remark(file.name, None, what))
            return
        for key, entry in entries.items():
            self._read_entry(file, UniverseRef(kind, key), entry)

    def _read_entry(self, file: _File, ref: UniverseRef, entry: object) -> None:
        def remark(what: str, field: str = "") -> Remark:
            return Remark(file.name, file.line_of(ref, field), f"{ref}: {what}")

        try:
            definition, notes = self._definition(ref, _Entry.model_validate(entry))
        except ValidationError as e:
            for fault in e.errors(include_url=False, include_input=False):
                path = ".".join(map(str, fault["loc"]))
                what = f"{path}: {fault['msg']}" if path else fault["msg"]
                self._mistakes.append(remark(what, path.partition(".")[0]))
            return
        except _Mistake as e:
            self._mistakes.append(remark(str(e), e.field))
            return
        if ref in self._places:
            first = self._places[ref]
            self._mistakes.append(remark(f"is defined before, in {first.file}:{first.line}"))
        self._found[ref], self._places[ref] = definition, remark("is defined here")
        self._remarks += [remark(note) for note in notes]

    def _definition(self, ref: UniverseRef, entry: _Entry) -> tuple[Definition, tuple[str, ...]]:
        """The definition, and notes on how its symbols were read."""
        with _in_field(""):
            check_key(ref.key)
        with _in_field("name"):
            name = check_name(entry.name)
        with _in_field("expression"):
            if entry.expression is not None:
                parse(entry.expression)
        symbols, notes = self._symbols(entry)
        definition = Definition(
            ref,
            name,
            entry.description,
            symbols,
            entry.expression,
            entry.source,
            entry.as_of,
            self._history(entry),
        )
        return definition, notes

    def _symbols(self, entry: _Entry) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if entry.expression is not None:
            return (), ()
        if entry.members is not None:
            with _in_field("members"):
                imported = self._members(entry.members)
            return imported.symbols, tuple(map(str, imported.remarks))
        with _in_field("symbols"):
            read = read_symbols(entry.symbols or (), self._identify)
        if not read.symbols:
            raise _Mistake("symbols names no symbol", "symbols")
        repeats = [f"{symbol} is repeated and counted once." for symbol in read.duplicates]
        return read.symbols, (*read.notes, *repeats)

    def _members(self, path: str) -> Imported:
        """The symbols of a list that lies inside the folder, in any form that an import takes."""
        file = self._file(path, "members")
        try:
            with file.open("rb") as stream:
                data = stream.read(MAX_HISTORY_BYTES + 1)
            return read_file(path, data, identify=self._identify, today=self._today)
        except OSError as e:
            raise _Mistake(f"{path}: cannot be read: {e.strerror or e}", "members") from None

    def _history(self, entry: _Entry) -> History | None:
        if entry.history is None:
            return None
        if entry.expression is not None:
            raise _Mistake("an expression has the history of its parts alone", "history")
        file = self._file(entry.history, "history")
        try:
            data = _content(file, MAX_HISTORY_BYTES)
        except _Mistake as e:
            raise _Mistake(f"{entry.history}: {e}", "history") from None
        with _in_field("history"):
            told = read_history(
                entry.history,
                data,
                through=entry.as_of,
                source=entry.source,
                identify=self._identify,
                today=self._today,
            )
        return told.history

    def _file(self, path: str, field: str) -> Traversable:
        """A file inside the folder, by its path from there."""
        parts = PurePosixPath(path).parts
        if not parts or ".." in parts or PurePosixPath(path).is_absolute() or "\\" in path:
            raise _Mistake(f"{field} {shown(path)} does not lie in the folder", field)
        file = self._folder.joinpath(*parts)
        if isinstance(file, Path) and isinstance(self._folder, Path):
            _stay_inside(self._folder, file, field)
        return file


def _stay_inside(folder: Path, file: Path, field: str) -> None:
    """A link that leads out of the folder is refused like a path that does."""
    if not file.resolve().is_relative_to(folder.resolve()):
        raise _Mistake(f"{field} {shown(file.name)} leads out of the folder", field)


@contextmanager
def _in_field(field: str) -> Iterator[None]:
    """Turn the refusal of a value into a mistake of that field."""
    try:
        yield
    except BadInput as e:
        raise _Mistake(str(e), field) from None


def _decoded(file: Traversable) -> str:
    try:
        return _content(file).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise _Mistake(f"is not UTF-8 text (byte {e.start})") from None


def _content(file: Traversable, most: int = MAX_BYTES) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as e:
        raise _Mistake(f"cannot be read: {e.strerror or e}") from None
    if len(data) > most:
        raise _Mistake(f"is larger than {most:,} bytes")
    return data


def _all(mistakes: list[Remark]) -> BadFile:
    listed = "\n  ".join(map(str, mistakes[:MAX_SHOWN]))
    more = f"\n  and {len(mistakes) - MAX_SHOWN} more" if len(mistakes) > MAX_SHOWN else ""
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return BadFile(f"{count} in universe definitions:\n  {listed}{more}\n", "Nothing was read.")
