"""The commands, each named by the place where its code lives and loaded only when called.

What a command does is said once, in its docstring: `text_of`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cyclopts import App, CycloptsError

import tickstock

USAGE_ERROR = 2
INTERRUPTED = 130

_DOCUMENTED = re.compile(r'^def (\w+)\((?:(?!^def ).)*?^    """(.*?)"""', re.DOTALL | re.MULTILINE)
"""A function and its docstring; one without ends where the next begins."""

app = App(
    name="tickstock",
    help="Named universes of symbols in PostgreSQL, and their price history kept complete.",
    version=tickstock.__version__,
    help_format="plaintext",
)

COMMANDS = {
    "demo": "demo:demo",
    "load": "load:load",
    "plan": "load:plan",
    "refresh": "load:refresh",
    "missing": "missing:missing",
    "coverage": "holdings:coverage",
    "bars": "holdings:bars",
    "revisions": "export:revisions",
    "export": "export:export",
    "verify": "verify:verify",
    "doctor": "doctor:doctor",
    "worker": "worker:worker",
    "serve": "serve:serve",
    "bridge": "bridge:bridge",
}
GROUPS = {
    "universe": (
        "Define, show, organize and validate universes.",
        {
            "list": "universe:list_",
            "show": "universe:show",
            "set": "edit:set_",
            "add": "edit:add",
            "remove": "edit:remove",
            "rename": "edit:rename",
            "delete": "edit:delete",
            "revert": "edit:revert",
            "containing": "history:containing",
            "diff": "history:diff",
            "log": "history:log",
            "blame": "history:blame",
            "record": "edit:record",
            "import": "imports:import_",
            "export": "imports:export",
            "refresh": "imports:refresh",
            "build": "build:build",
            "organize": "universe:organize",
            "validate": "universe:validate",
        },
    ),
    "instruments": (
        "Read who is listed, and under which tickers firms traded.",
        {"refresh": "instruments:refresh", "renames": "instruments:renames"},
    ),
    "jobs": (
        "Watch and steer jobs.",
        {
            "list": "jobs:list_",
            "show": "jobs:show",
            "watch": "jobs:watch",
            "cancel": "jobs:cancel",
            "pause": "jobs:pause",
            "resume": "jobs:resume",
            "retry": "jobs:retry",
            "clone": "jobs:clone",
            "prune": "jobs:prune",
        },
    ),
    "schedule": (
        "Load again and again, in New York time.",
        {
            "add": "schedule:add",
            "list": "schedule:list_",
            "remove": "schedule:remove",
            "run-now": "schedule:run_now",
        },
    ),
    "sessions": (
        "Show sessions of the exchange; mark days closed at short notice.",
        {
            "list": "sessions:list_",
            "close": "sessions:close",
            "reopen": "sessions:reopen",
        },
    ),
    "user": (
        "Manage who may sign in to the page.",
        {
            "add": "user:add",
            "list": "user:list_",
            "remove": "user:remove",
            "passwd": "user:passwd",
            "link": "user:link",
        },
    ),
    "vendor": (
        "Show what your account at the vendor includes.",
        {"limits": "vendor:limits"},
    ),
    "db": (
        "Look after the database.",
        {
            "status": "db:status",
            "migrate": "db:migrate",
            "backup": "db:backup",
            "prove": "db:prove",
            "restore": "db:restore",
            "shell": "db:shell",
            "roles": "roles:roles",
            "stop": "db:stop",
        },
    ),
    "files": (
        "Keep bars in files: day bars to read them faster, closed months of minutes for good.",
        {
            "fold": "files:fold",
            "verify": "files:verify",
            "seal": "files:seal",
            "unseal": "files:unseal",
            "sealed": "files:sealed",
        },
    ),
    "lake": (
        "Publish day bars as Iceberg tables, for other engines.",
        {"publish": "lake:publish", "status": "lake:status"},
    ),
    "config": (
        "Show settings.",
        {"show": "settings:show"},
    ),
}


def text_of(place: str) -> str:
    """The docstring of a command, which is its help everywhere; the first paragraph in lists.

    Read from the source: to import all commands takes longer than most of them run.
    """
    module, _, name = place.partition(":")
    return _texts(module).get(name, "")


@cache
def _texts(module: str) -> dict[str, str]:
    """The docstrings of a module's functions."""
    source = Path(__file__).with_name(f"{module}.py").read_text("utf-8")
    found = _DOCUMENTED.finditer(source)
    return {one[1]: _in_paragraphs(inspect.cleandoc(one[2])) for one in found}


def _in_paragraphs(text: str) -> str:
    """A docstring with each paragraph in one line, to be broken where the terminal ends."""
    return "\n\n".join(" ".join(part.split("\n")) for part in text.split("\n\n"))


def _register() -> None:
    def add(to: App, commands: Mapping[str, str]) -> None:
        for name, place in commands.items():
            to.command(f"tickstock.cli.{place}", name=name, help=text_of(place))

    add(app, COMMANDS)
    for group, (text, commands) in GROUPS.items():
        child = App(name=group, help=text, help_format="plaintext")
        add(child, commands)
        app.command(child)


_register()


def run(arguments: list[str]) -> int:
    """Run one command; every error leaves as a message and an exit code, never as a traceback."""
    if unreadable := [a for a in arguments if not _is_text(a)]:
        print(f"error: the argument {unreadable[0]!r} is no text in the encoding of this system.",
              file=sys.stderr)  # fmt: skip
        return USAGE_ERROR
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
        sys.stdout.flush()  # here, where what goes wrong is told
    except CycloptsError:
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _broken_pipe()
    except Exception as error:
        from tickstock.cli.output import report_error

        return report_error(error, as_json="--json" in arguments)
    return result if isinstance(result, int) else 0


def _broken_pipe() -> int:
    """The reader of our output went away (`| head`): nothing to warn of."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _is_text(argument: str) -> bool:
    """Bytes of a command line that are no text come as lone surrogates, which nothing can store."""
    return not any("\ud800" <= c <= "\udfff" for c in argument)
