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
    "refresh": ("load:refresh", "Ask again for the newest sessions of a universe."),
    "missing": ("missing:missing", "List what is not held of a universe, and why."),
    "coverage": ("holdings:coverage", "Draw what is held of a universe, and what is not."),
    "bars": ("holdings:bars", "Print bars of symbols or universes."),
    "revisions": ("export:revisions", "Bars that a later answer replaced."),
    "export": ("export:export", "Write bars as Parquet files with a manifest."),
    "verify": ("verify:verify", "Check stored bars, or an exported folder."),
    "doctor": ("doctor:doctor", "Check the whole installation, and say what to do."),
    "worker": ("worker:worker", "Drain loads until told to stop."),
    "serve": ("serve:serve", "The admin page, with a worker."),
    "bridge": ("bridge:bridge", "Serve clients that speak Redis."),
}
GROUPS = {
    "universe": (
        "Define, show, organize and validate universes.",
        {
            "list": ("universe:list_", "All universes, with counts."),
            "show": ("universe:show", "The symbols of a universe or an expression."),
            "set": ("edit:set_", "Make a universe, or replace what it holds."),
            "add": ("edit:add", "Put symbols into a universe."),
            "remove": ("edit:remove", "Take symbols out of a universe."),
            "rename": ("edit:rename", "Give a universe another key."),
            "delete": ("edit:delete", "Delete universes; revert brings them back."),
            "revert": ("edit:revert", "Undo a change, or bring back an earlier state."),
            "containing": ("history:containing", "The universes that hold a symbol."),
            "diff": ("history:diff", "Compare two universes, or one on two days."),
            "log": ("history:log", "Every change of a universe, by whomever."),
            "blame": ("history:blame", "Since when a symbol is in, and through which change."),
            "tell": ("edit:tell", "Tell who was in a universe on past days."),
            "import": ("imports:import_", "Make a file's symbols the members of a universe."),
            "export": ("imports:export", "Write the symbols of a universe or an expression."),
            "refresh": ("imports:refresh", "Bring a universe up to date from its source."),
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
            "pause": ("jobs:pause", "Ask nothing more for a load until it is resumed."),
            "resume": ("jobs:resume", "Go on with a paused or interrupted load."),
            "retry": ("jobs:retry", "Ask again for what failed or was cancelled."),
            "clone": ("jobs:clone", "A new load for the same request, planned anew."),
            "prune": ("jobs:prune", "Forget loads that ended long ago; bars stay."),
        },
    ),
    "schedule": (
        "Loads that are made again and again, in New York time.",
        {
            "add": ("schedule:add", "Load a universe every day, or after every close."),
            "list": ("schedule:list_", "All schedules, when they ran and are due next."),
            "remove": ("schedule:remove", "No more of a schedule."),
            "run-now": ("schedule:run_now", "Submit a schedule's load at once."),
        },
    ),
    "sessions": (
        "The sessions of the exchange, and days closed at short notice.",
        {
            "list": ("sessions:list_", "Sessions with their hours, and days closed by hand."),
            "close": ("sessions:close", "A day on which the exchange did not open after all."),
            "reopen": ("sessions:reopen", "Take back a closure by hand."),
        },
    ),
    "user": (
        "Who may sign in to the page.",
        {
            "add": ("user:add", "Let somebody sign in."),
            "list": ("user:list_", "Everybody who may sign in with a password."),
            "remove": ("user:remove", "Somebody may no longer sign in."),
            "passwd": ("user:passwd", "Another password."),
            "link": ("user:link", "Print an address that signs in once, at this machine."),
        },
    ),
    "db": (
        "The database: state, migrations, stop.",
        {
            "status": ("db:status", "Which database, which schema, what is in it."),
            "migrate": ("db:migrate", "Bring the schema up to date."),
            "backup": ("db:backup", "Write the whole database to a file."),
            "restore": ("db:restore", "Bring the database back to a backup."),
            "shell": ("db:shell", "psql on this database."),
            "roles": ("roles:roles", "Database roles with the least privileges."),
            "stop": ("db:stop", "Stop the embedded server."),
        },
    ),
    "config": (
        "Settings.",
        {"show": ("settings:show", "All settings, and where each comes from.")},
    ),
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
    """The reader of our output went away (`| head`): nothing to complain about."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _is_text(argument: str) -> bool:
    """Bytes of a command line that are no text come as lone surrogates, which nothing can store."""
    return not any("\ud800" <= c <= "\udfff" for c in argument)
