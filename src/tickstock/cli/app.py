"""The commands, each named by the place where its code lives and loaded only when called."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError

import tickstock

USAGE_ERROR = 2
INTERRUPTED = 130

app = App(
    name="tickstock",
    help="Named universes of symbols in PostgreSQL, and their price history kept complete.",
    version=tickstock.__version__,
    help_format="plaintext",
)

COMMANDS = {
    "demo": ("demo:demo", "The whole thing on a machine with nothing: start here."),
    "load": ("load:load", "Load what is missing of a universe's history."),
    "plan": ("load:plan", "Show what `load` would do; do nothing."),
    "coverage": ("holdings:coverage", "Draw what is held of a universe, and what is not."),
    "bars": ("holdings:bars", "Print bars of symbols or universes."),
    "worker": ("worker:worker", "Drain loads until told to stop."),
}
GROUPS = {
    "universe": (
        "Define, show, organize and validate universes.",
        {
            "list": ("universe:list_", "All universes, with counts."),
            "show": ("universe:show", "The symbols of a universe or an expression."),
            "organize": ("universe:organize", "Bring the stored universes to their definitions."),
            "validate": ("universe:validate", "Check every stored universe."),
        },
    ),
    "jobs": (
        "Watch and steer loads.",
        {
            "list": ("jobs:list_", "The newest loads."),
            "show": ("jobs:show", "One load: progress, results, errors."),
            "watch": ("jobs:watch", "Follow a load until it ends."),
            "cancel": ("jobs:cancel", "End a load; what is done stays done."),
            "retry": ("jobs:retry", "Ask again for what failed or was cancelled."),
            "resume": ("jobs:resume", "Go on with an interrupted load, here."),
        },
    ),
    "db": (
        "The database: state, migrations, stop.",
        {
            "status": ("db:status", "Which database, which schema, what is in it."),
            "migrate": ("db:migrate", "Bring the schema up to date."),
            "shell": ("db:shell", "psql on this database."),
            "stop": ("db:stop", "Stop the embedded server."),
        },
    ),
    "config": ("Settings.", {"show": ("settings:show", "All settings and where they come from.")}),
}


def _register() -> None:
    for name, (place, text) in COMMANDS.items():
        app.command(f"tickstock.cli.{place}", name=name, help=text)
    for group, (text, commands) in GROUPS.items():
        child = App(name=group, help=text, help_format="plaintext")
        for name, (place, about) in commands.items():
            child.command(f"tickstock.cli.{place}", name=name, help=about)
        app.command(child)


_register()


def run(arguments: list[str]) -> int:
    """Run one command; every error leaves as a message and an exit code, never as a traceback."""
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
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
    """The reader of our output went away (`| head`): nothing to complain about."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
