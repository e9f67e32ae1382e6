"""Writes docs/reference/ from the code: `python scripts/build_reference.py`.

With `--check` nothing is written; pages that are out of date are named, and the exit code is 1.
The same code gives the same pages on every machine. What only a person can say stands beside
these pages, not in them.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from cyclopts import App

from tickstock import errors
from tickstock.cli.app import INTERRUPTED, USAGE_ERROR, app
from tickstock.cli.output import Common
from tickstock.cli.watch import EXIT
from tickstock.config import FILE, VARIABLES, known_settings
from tickstock.errors import TickStockError, Transient
from tickstock.universes.catalog import shipped
from tickstock.universes.organize import organize_plan
from tickstock.universes.plan import Mode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
SCHEMA = ROOT / "src" / "tickstock" / "store" / "schema.sql"
NOTE = "<!-- Written by scripts/build_reference.py from {source}. Do not edit by hand. -->"

EXIT_CODES = {
    0: "done; of a job: every session is held, or explained and not a fault",
    1: "failed; nothing that was begun is half-written",
    2: "wrong usage, a value that does not fit, or a question that nobody could answer",
    3: "partly done: some symbols failed and are listed",
    4: "key or permission: the vendor or the database refuses these credentials",
    5: "conflict: somebody else changed the same thing in between",
    130: "interrupted; what was done stays done",
}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(c) for c in line) + " |" for line in lines)


def cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def page(source: str, title: str, *parts: str) -> str:
    return "\n\n".join([NOTE.format(source=source), f"# {title}", *parts]) + "\n"


# --- cli.md -------------------------------------------------------------------------------------
def commands(start: App = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every command with its full name, in the order in which they are declared."""
    for name in start:
        if name.startswith("-"):
            continue
        found = start[name]
        if found.default_command is None:
            yield from commands(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


def cli() -> str:
    common = {f"--{field.name}" for field in fields(Common)}
    found = list(commands())
    check_exit_codes()
    codes = [[str(code), text] for code, text in EXIT_CODES.items()]
    everywhere = [a for a in found[0][1].assemble_argument_collection() if a.names[0] in common]
    return page(
        "the commands in src/tickstock/cli/app.py",
        "Commands",
        "Results go to stdout; progress, questions and errors go to stderr. Dates are New York "
        "session dates, the first and the last one included. A universe is written `type:key` "
        "(the bare key, where only one type has it), or as an expression; symbols stand in "
        "braces: `'{AAPL, MSFT}'`.",
        "Every command has `--help`. `tickstock --version` prints the version.",
        contents(found),
        "## Options of every command",
        options(everywhere),
        "## Exit codes",
        table(["code", "meaning"], codes),
        *(command_section(name, sub, common) for name, sub in found),
    )


def contents(found: list[tuple[str, App]]) -> str:
    rows = [[f"[`{name}`](#tickstock-{name.replace(' ', '-')})", sub.help] for name, sub in found]
    return table(["command", "does"], rows)


def command_section(name: str, sub: App, common: set[str]) -> str:
    arguments = [a for a in sub.assemble_argument_collection() if a.show]
    own = [a for a in arguments if a.names[0] not in common]
    operands = " ".join(operand(a) for a in own if a.index is not None)
    usage = f"tickstock {name} {operands}".strip() + (" [OPTIONS]" if own else "")
    text = inspect.cleandoc(sub.default_command.__doc__ or sub.help)
    parts = [f"## tickstock {name}", f"```\n{usage}\n```", text]
    return "\n\n".join([*parts, options(own)] if own else parts)


def operand(argument: Any) -> str:
    name = argument.names[0].lstrip("-").upper() if argument.names else "ARGUMENTS"
    text = f"{name}..." if is_many(argument) else name
    return text if argument.required else f"[{text}]"


def is_many(argument: Any) -> bool:
    return argument.field_info.kind is inspect.Parameter.VAR_POSITIONAL


def options(arguments: list[Any]) -> str:
    rows = []
    for a in arguments:
        name = operand(a).strip("[]") if a.index is not None else ", ".join(a.names)
        about = a.parameter.help or ""
        if choices := a.get_choices():
            about = f"{about} One of: {', '.join(map(str, choices))}."
        rows.append([f"`{name}`", value_of(a.hint), default_of(a), about])
    return table(["option", "value", "default", "meaning"], rows)


def value_of(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "choice"
    if get_origin(hint) in (list, tuple):
        return f"{value_of(get_args(hint)[0])}, may be repeated"
    inner = [a for a in get_args(hint) if a is not type(None)]
    if inner:
        return value_of(inner[0])
    return {"bool": "flag", "str": "text", "int": "number"}.get(
        hint.__name__, hint.__name__.lower()
    )


def default_of(argument: Any) -> str:
    default = argument.field_info.default
    if argument.required:
        return "required"
    if default in (None, False, "", inspect.Parameter.empty):
        return ""
    return f"`{default}`"


def check_exit_codes() -> None:
    """A code that the program can end with and that is not described here stops the build."""
    used = {0, USAGE_ERROR, INTERRUPTED, *EXIT.values(), *(e.exit_code for e in error_classes())}
    if used != set(EXIT_CODES):
        raise SystemExit(f"EXIT_CODES of this script differ from the code's: {sorted(used)}")


# --- settings.md --------------------------------------------------------------------------------
def settings() -> str:
    rows = []
    known = known_settings()
    for one in known:
        shown = "" if one.default is None else f"`{one.default}`"
        shown = "the user's data folder" if one.name == "home" else shown
        rows.append([f"`{one.variable}`", f"`{one.name}`", shown, one.description])
    others = sorted(VARIABLES.keys() - {one.variable for one in known})
    rows += [[f"`{v}`", "", "", "with the other one, another way to REDIS_URL"] for v in others]
    return page(
        "src/tickstock/config.py and the settings of the vendors",
        "Settings",
        "Later sources win: defaults, "
        f"`{FILE}` in the home folder, `{FILE}` in the current folder, environment variables, "
        "command-line options. An empty variable counts as not set. A file that names an unknown "
        "setting is refused.",
        table(["variable", f"name in `{FILE}`", "default", "meaning"], rows),
        "The way to the vendor is that of other programs of this machine, by variables alone:",
        table(["variable", "meaning"], NETWORK),
        "The user's data folder is `~/.local/share/tickstock` on Linux and "
        "`~/Library/Application Support/tickstock` on macOS. `home` in a file is not read: the "
        "file is found through it.\n\n"
        "`tickstock config show` prints the settings in force, secrets masked.\n\n"
        "A vendor that an installed package adds has settings of its own: those of the vendor "
        "`acme` begin with `ACME_` in the environment and with `acme_` in a file.",
        f"Example of a `{FILE}`:",
        '```toml\ndatabase_uri = "postgresql://tickstock@db.example/stocks"\n'
        'massive_calls_per_minute = 100\nuniverses = "/srv/tickstock/universes"\n```',
    )


NETWORK = [
    ["`HTTPS_PROXY`", "HTTP proxy for calls to the vendor: `http://[user:password@]host:port`"],
    ["`ALL_PROXY`", "the same, where HTTPS_PROXY is not set"],
    ["`NO_PROXY`", "hosts that are asked without it, separated by commas; `*` for all"],
    ["`SSL_CERT_FILE`", "certificates to trust in place of the system's (PEM), say a proxy's own"],
]


# --- errors.md ----------------------------------------------------------------------------------
def error_classes() -> list[type[TickStockError]]:
    """All errors in the order of their file."""
    found = [c for c in vars(errors).values() if isinstance(c, type)]
    return [c for c in found if issubclass(c, TickStockError)]


def error_tree() -> str:
    groups = re.split(r"^# --- (.+?) -+$", inspect.getsource(errors), flags=re.MULTILINE)
    where = {
        name: title
        for title, text in zip(groups[1::2], groups[2::2], strict=True)
        for name in re.findall(r"^class (\w+)", text, re.MULTILINE)
    }
    base = [c for c in error_classes() if c.__name__ not in where]
    parts = ["## Base", error_table(base)]
    for title in dict.fromkeys(where.values()):
        members = [c for c in error_classes() if where.get(c.__name__) == title]
        parts += [f"## {title.capitalize()}", error_table(members)]
    return page(
        "src/tickstock/errors.py",
        "Errors",
        "Every error has `what` happened and a `hint`, what to do about it; on the command line "
        "they are the two lines of the message. `Transient` means that the same call may succeed "
        "later, and workers try it again; `Terminal` means that somebody has to change something "
        "first. What was raised by psycopg, aiohttp or the operating system arrives as one of "
        "these.",
        *parts,
    )


def error_table(classes: list[type[TickStockError]]) -> str:
    rows = []
    for c in classes:
        parent = c.__mro__[1].__name__
        again = "" if c is TickStockError else "yes" if issubclass(c, Transient) else "no"
        about = inspect.cleandoc(c.__doc__) if c.__doc__ else f"A `{parent}`."
        rows.append([f"`{c.__name__}`", f"`{parent}`", again, str(c.exit_code), about])
    return table(["error", "kind of", "tried again", "exit code", "meaning"], rows)


# --- schema.md ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Statement:
    """One statement of the schema with the comment above it, and the section it stands in."""

    section: str
    comment: str
    sql: str


def statements(text: str) -> Iterator[Statement]:
    section = ""
    comment: list[str] = []
    for block in split_statements(text):
        lines = block.splitlines()
        while lines and (lines[0].startswith("--") or not lines[0].strip()):
            line = lines.pop(0)
            if title := re.fullmatch(r"-- -{10,} (.+)", line):
                section, comment = title[1], []
            elif line.startswith("--"):
                comment.append(line.removeprefix("--").strip())
            elif lines:
                comment = []
        yield Statement(section, " ".join(comment), "\n".join(lines))
        comment = []


def split_statements(text: str) -> list[str]:
    """Statements end with a semicolon at a line's end; those in $$ bodies do not count."""
    out, current, quoted = [], [], False
    for line in text.splitlines():
        current.append(line)
        quoted ^= line.count("$$") % 2 == 1
        if line.rstrip().endswith(";") and not quoted and not line.startswith("--"):
            out.append("\n".join(current))
            current = []
    return out


def schema() -> str:
    text = SCHEMA.read_text("utf-8")
    parts: list[str] = []
    section = ""
    for s in statements(text):
        if s.section != section:
            section = s.section
            parts.append(f"## {section[0].upper()}{section[1:]}")
        parts += describe(s)
    head = re.match(r"((?:--.*\n)+)", text)
    intro = " ".join(line.strip("- ") for line in head[1].splitlines()) if head else ""
    return page("src/tickstock/store/schema.sql", "Schema", intro, *parts)


def describe(s: Statement) -> list[str]:
    first = s.sql.split("\n", 1)[0]
    if made := re.match(r"CREATE TABLE (\S+) (PARTITION OF .+|\(LIKE .+|\()", first):
        return [x for x in (f"### `{made[1]}`", s.comment, columns(s.sql)) if x]
    if made := re.match(r"CREATE (OR REPLACE )?VIEW (\S+)", first):
        return [x for x in (f"### `{made[2]}` (view)", s.comment) if x]
    if made := re.match(r"CREATE (?:UNIQUE )?INDEX (\S+)\s+ON\s+(.+)", " ".join(s.sql.split())):
        return [f"Index `{made[1]}` on `{made[2].rstrip(';')}`."]
    if made := re.match(r"CREATE TRIGGER (\S+) (.+) ON (\S+)", " ".join(s.sql.split())):
        when = re.match(r"(?:BEFORE|AFTER) [A-Z ]+", made[2])
        about = f" {s.comment}" if s.comment else ""
        return [f"Trigger `{made[1]}`: {when[0].strip().lower() if when else ''}.{about}"]
    return []


def columns(statement: str) -> str:
    body = statement[statement.index("(") + 1 : statement.rindex(")")]
    rows, rules = [], []
    for line in split_columns(body):
        text, _, comment = line.partition("--")
        text = " ".join(text.split())
        if re.match(r"(PRIMARY|UNIQUE|CHECK|CONSTRAINT|FOREIGN|LIKE|EXCLUDE)\b", text):
            rules.append(f"- `{text}`")
        elif text:
            name, _, kind = text.partition(" ")
            rows.append([f"`{name}`", f"`{kind}`", comment])
    width = 3 if any(about for *_, about in rows) else 2
    head = ["column", "type", ""][:width]
    parts = [table(head, [row[:width] for row in rows])] if rows else []
    return "\n\n".join(parts + (["\n".join(rules)] if rules else []))


def split_columns(body: str) -> list[str]:
    """The parts between commas outside parentheses and quotes, each with its own comment."""
    parts, depth, start, quoted = [], 0, 0, False
    for i, char in enumerate(body):
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == "," and depth == 0 and not quoted:
            parts.append(body[start:i])
            start = i + 1
    return [p.strip() for p in (*parts, body[start:]) if p.strip()]


# --- catalog.md ---------------------------------------------------------------------------------
def catalog() -> str:
    definitions = shipped().definitions
    plan = organize_plan(definitions, [], {}, mode=Mode.REPLACE, environment="DEFAULT")
    counts = {change.ref: len(change.symbols) for change in plan.changes}
    rows = [
        [
            f"`{d.ref}`",
            d.name,
            f"{counts[d.ref]:,}",
            f"`{d.expression}`" if d.expression else d.source or "fixed list",
            str(d.as_of or ""),
        ]
        for d in sorted(definitions, key=lambda d: d.ref)
    ]
    return page(
        "src/tickstock/data/catalog",
        "Shipped universes",
        f"{len(rows)} universes, stored by `tickstock universe organize`. Where the members come "
        "from, and which universes are left undefined and why, is told in "
        "[the catalog's own notes](../../src/tickstock/data/catalog/README.md). To define "
        "universes of your own, see [define universes](../howto/define-universes.md).",
        table(["universe", "name", "symbols", "source or expression", "as of"], rows),
    )


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli,
    "settings.md": settings,
    "errors.md": error_tree,
    "schema.md": schema,
    "catalog.md": catalog,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name stale pages")
    check = parser.parse_args(arguments).check
    made = {FOLDER / name: build() for name, build in PAGES.items()}
    stale = [f for f, text in made.items() if not f.exists() or f.read_text("utf-8") != text]
    for file in stale:
        print(file.relative_to(ROOT))
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made[file], "utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
