"""Is the installation well? Every check says what was found, why it matters, and what to do."""

from __future__ import annotations

import enum
import os
import shlex
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tickstock.clock import VARIABLE, is_set, new_york_date, utc_now
from tickstock.config import FILE, Settings
from tickstock.errors import TickStockError
from tickstock.loading.account import AccountLimits, account_text
from tickstock.private import ENTERED, make_folder, open_text, open_to_others
from tickstock.sealed_place import SealedWhere, kinds_of_bars
from tickstock.service.account import standing_limits
from tickstock.service.page_checks import unanswered
from tickstock.service.system import is_alive
from tickstock.service.vendor import check_vendor
from tickstock.sessions import ENDS_SOON, shipped_calendar
from tickstock.store import bar_names, jobs, migrate, system, tasks, universes, workers
from tickstock.store.calendar import read_calendar
from tickstock.store.database import Database
from tickstock.store.losses import SILENCE
from tickstock.store.pooler import Pooling, pooling
from tickstock.store.sealing import FileCheck, lacking
from tickstock.store.system import Signs
from tickstock.store.universes import Listed
from tickstock.words import plural

OLDEST_SERVER = 15
SKEW = timedelta(seconds=2)
"""Clocks that are further apart are a matter for their keepers: leases go by the database's,
publication and schedules of jobs by ours."""
WORST_SKEW = timedelta(minutes=1)
NAMED = 5
"""Jobs that a check names."""
LITTLE_DISK, NO_DISK = 2_000_000_000, 200_000_000
UNIVERSES_OLD = timedelta(days=120)
"""Index providers change their members every quarter."""
VERDICT_DUE = timedelta(minutes=5)
"""A job that has nothing left to ask for so long, and is open, does not come to its end."""
FAULTS_TOLD = timedelta(days=7)
SHOWN_ROWS = 10
LONG_HELD_BACK = 300.0
"""Seconds: a vendor that says 429 rarely means more."""


class Health(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check has found. `why` it matters and what to `do` are empty where it is well."""

    name: str
    health: Health
    what: str
    why: str = ""
    do: str = ""


Probe = Callable[[], str]
"""Asks somebody outside, and tells what was found. Raises TickStockError."""


def examine(
    settings: Settings,
    open_database: Callable[[], Database],
    now: Callable[[], datetime],
    probes: dict[str, Probe],
) -> Iterator[Check]:
    """All checks, in the order in which one thing depends on another.

    Args:
        open_database: opens the database without changing its schema.
        probes: further checks by name, each of which asks somebody outside.
    """
    yield _log(settings)
    yield _privacy(settings)
    yield _disk(settings)
    yield _key(settings, now())
    yield from _of_database(settings, open_database, now)
    for name, probe in probes.items():
        yield _probed(name, probe)


def _of_database(
    settings: Settings, open_database: Callable[[], Database], now: Callable[[], datetime]
) -> Iterator[Check]:
    try:
        database = open_database()
    except TickStockError as e:
        yield Check("database", Health.FAILURE, e.what, "Nothing works without it.", e.hint)
        return
    with database:
        yield Check("database", Health.OK, database.safe_uri)
        try:
            yield from _inside(settings, database, now)
        except TickStockError as e:
            yield Check("database contents", Health.FAILURE, e.what, "", e.hint)


def _inside(settings: Settings, database: Database, now: Callable[[], datetime]) -> Iterator[Check]:
    with database.transaction() as connection:
        yield _server(connection.info.server_version)
        yield _pooler(pooling(database))
        pending = migrate.status(connection).pending
        yield _schema(len(pending))
        if pending:
            return
        before = now()
        signs = system.signs(connection, settings.environment)
        yield _clock(signs.now - before, now() - before)
        if is_set():
            yield _set_clock(utc_now())
        alive = sum(map(is_alive, workers.known(connection)))
        yield _workers(alive, signs)
        yield _loads(alive, signs)
        yield _verdicts(jobs.unfinished(connection, FAULTS_TOLD, VERDICT_DUE))
        yield _leases(signs)
        yield _queue(tasks.count_orphans(connection, SILENCE))
        yield from (_budget(row) for row in system.budgets(connection))
        yield _account(settings, standing_limits(connection, settings, now))
        yield _sessions(signs, read_calendar(connection).known.last)
        yield _universes(signs)
        yield _origins(signs)
        yield _bar_names(bar_names.taken_names(connection))
    yield _sealed(lacking(database), database.sealed_files)
    failed = list(unanswered(database, settings.environment))
    yield _pages(failed)
    if not failed:
        with database.transaction() as connection, connection.transaction(force_rollback=True):
            listed = universes.list_universes(connection, settings.environment)
        yield _rows_of_universes(listed)


def _sealed(lacking_files: Sequence[FileCheck], where: SealedWhere) -> Check:
    if not lacking_files:
        return Check("sealed files", Health.OK, "all that are named are there")
    bars = kinds_of_bars(one.timeframe for one in lacking_files)
    return Check(
        "sealed files", Health.FAILURE,
        f"{plural(len(lacking_files), 'file')} of {bars} not in {where}, or not whole",
        "Their bars are nowhere else, and whatever needs them fails.",
        "`tickstock files verify` names them: bring them back from a copy, or set "
        "TICKSTOCK_SEALED_FILES to the folder with them.",
    )  # fmt: skip


# --- the machine ------------------------------------------------------------------------------
def _log(settings: Settings) -> Check:
    file = settings.log_file
    try:
        make_folder(file.parent)
        with open_text(file, "a"):
            pass
    except OSError as e:
        return Check(
            "log", Health.FAILURE, f"{file} cannot be written: {e.strerror}.",
            "What goes wrong would be told nowhere.", "Fix the folder's owner or mode, or --home.",
        )  # fmt: skip
    return Check("log", Health.OK, str(file))


def _privacy(settings: Settings) -> Check:
    """Home and log hold what was loaded and said, and settings may hold keys."""
    logs = settings.log_file.parent
    entered = ENTERED if settings.database_uri is None and os.geteuid() == 0 else 0
    try:
        modes = {settings.home: open_to_others(settings.home, entered)}
        modes |= {p: open_to_others(p) for p in (logs, *sorted(logs.glob("*.log*")))}
        if (file := settings.home / FILE).exists():
            modes[file] = open_to_others(file)
    except OSError as e:
        return Check("privacy", Health.WARNING, f"{e.filename}: {e.strerror}.", "", "Check --home.")
    found = {path: mode for path, mode in modes.items() if mode}
    if not found:
        return Check("privacy", Health.OK, "home and log are open to nobody else")
    told = ", ".join(f"{path} ({mode:o})" for path, mode in found.items())
    kept = {settings.home: "go=x"} if entered else {}
    steps = [f"chmod {kept.get(path, 'go=')} {shlex.quote(str(path))}" for path in found]
    return Check(
        "privacy", Health.WARNING, f"open to others: {told}",
        "Whoever has an account on this machine may read what is in there, keys included.",
        f"If that is not meant: {' && '.join(steps)}",
    )  # fmt: skip


def _disk(settings: Settings) -> Check:
    try:
        free = shutil.disk_usage(settings.home).free
    except OSError as e:
        return Check("disk", Health.FAILURE, f"{settings.home}: {e.strerror}.", "", "Check --home.")
    what = f"{free / 1e9:,.1f} GB free in {settings.home}"
    if free >= LITTLE_DISK:
        return Check("disk", Health.OK, what)
    health = Health.FAILURE if free < NO_DISK else Health.WARNING
    return Check("disk", health, what, "A full disk stops the embedded database.", "Free some.")


def _key(settings: Settings, now: datetime) -> Check:
    try:
        check_vendor(settings, shipped_calendar(), now)
    except TickStockError as e:
        return Check("vendor key", Health.FAILURE, e.what, "No bar can be asked for.", e.hint)
    return Check("vendor key", Health.OK, f"{settings.vendor}: all that it needs is set")


# --- the database -----------------------------------------------------------------------------
def _server(version: int) -> Check:
    major = version // 10_000
    what = f"PostgreSQL {major}.{version % 10_000}"
    if major >= OLDEST_SERVER:
        return Check("server", Health.OK, what)
    why = f"Below {OLDEST_SERVER}, statements are missing."
    return Check("server", Health.FAILURE, what, why, "Upgrade it.")


def _pooler(found: Pooling) -> Check:
    if found is not Pooling.TRANSACTIONS:
        between = "nothing stands between" if found is Pooling.NONE else "one that keeps sessions"
        return Check("pooler", Health.OK, between)
    return Check(
        "pooler", Health.WARNING, "one that pools by transactions stands before the server",
        "Notifications of the database get lost: workers and the bridge look once a second or five "
        "instead, open pages and Redis clients are not told of changed universes.",
        "Give worker, serve and bridge an address that goes past it, or let it pool by sessions.",
    )  # fmt: skip


def _schema(pending: int) -> Check:
    if not pending:
        return Check("schema", Health.OK, "current")
    return Check(
        "schema", Health.FAILURE, f"{pending} steps behind", "This version needs them.",
        "Make a backup (tickstock db backup FILE), then: tickstock db migrate",
    )  # fmt: skip


def _clock(ahead: timedelta, took: timedelta) -> Check:
    """`ahead` is the database's clock against ours, which was read `took` before."""
    off = max(abs(ahead - took / 2) - took / 2, timedelta(0))
    what = f"{off.total_seconds():.1f} s apart from the database's"
    if off <= SKEW:
        return Check("clock", Health.OK, what)
    health = Health.FAILURE if off > WORST_SKEW else Health.WARNING
    return Check(
        "clock", health, what, "Which session is published is told by this machine's clock.",
        "Let both be set by a time server (NTP).",
    )  # fmt: skip


def _set_clock(moment: datetime) -> Check:
    return Check(
        "test clock", Health.WARNING, f"TickStock takes it to be {moment:%Y-%m-%d %H:%M} UTC.",
        "Plans, gaps and what counts as published go by it; the vendor is not asked.",
        f"{VARIABLE} is for tests alone: unset it.",
    )  # fmt: skip


def _workers(alive: int, signs: Signs) -> Check:
    what = f"{alive} alive"
    if alive or not (signs.open_loads or signs.schedules):
        note = "" if alive else "; jobs in the foreground need none"
        return Check("workers", Health.OK, what + note)
    loads, schedules = plural(signs.open_loads, "open job"), plural(signs.schedules, "schedule")
    verb = "waits" if signs.open_loads + signs.schedules == 1 else "wait"
    waits = " and ".join(
        text for text, n in ((loads, signs.open_loads), (schedules, signs.schedules)) if n
    )
    waits = f"{waits} {verb} for one."
    health = Health.FAILURE if signs.unattended or signs.schedules else Health.OK
    return Check("workers", health, what, waits, "Start one: tickstock worker")


def _loads(alive: int, signs: Signs) -> Check:
    paused = f", {signs.paused} paused" if signs.paused else ""
    what = f"{signs.open_loads} open{paused}"
    if not signs.unattended:
        return Check("jobs", Health.OK, what)
    what += f", {signs.unattended} of them with no call in hand"
    if alive:
        return Check(
            "jobs", Health.WARNING, what, "They wait for their turn, for another vendor's worker, "
            "or for a call's next attempt.", "tickstock jobs list; look again in a minute.",
        )  # fmt: skip
    return Check(
        "jobs", Health.FAILURE, what, "Nobody works on them.",
        "Start a worker (tickstock worker), or: tickstock jobs resume ID",
    )  # fmt: skip


def _verdicts(unfinished: Sequence[tuple[uuid.UUID, bool, str]]) -> Check:
    """Jobs that cannot finish: ended by a fault, or open with nothing left to be done."""
    if not unfinished:
        return Check("verdicts", Health.OK, "every job with all its answers has its verdict")
    faulty = [(id_, said) for id_, has_ended, said in unfinished if has_ended]
    stuck = [id_ for id_, has_ended, _ in unfinished if not has_ended]
    told, steps = list[str](), list[str]()
    if faulty:
        what = f"{plural(len(faulty), 'job')} ended by a fault ({_ids(i for i, _ in faulty)})"
        told.append(f"{what}; the last: {faulty[0][1]}")
        steps.append("tickstock jobs retry ID; if it comes again, report what the log has of it")
    if stuck:
        told.append(f"{plural(len(stuck), 'job')} with all answers and no verdict ({_ids(stuck)})")
        steps.append("tickstock jobs resume ID, or start a worker: tickstock worker")
    return Check(
        "verdicts", Health.FAILURE, ". ".join(told), "Nobody knows what came of them.",
        "; ".join(steps),
    )  # fmt: skip


def _ids(ids: Iterable[uuid.UUID]) -> str:
    short = [str(i)[:8] for i in ids]
    more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
    return ", ".join(short[:NAMED]) + more


def _leases(signs: Signs) -> Check:
    if not signs.stale_leases:
        return Check("leases", Health.OK, "none has run out")
    return Check(
        "leases", Health.WARNING, f"{signs.stale_leases} calls were left by a worker that is gone",
        "They are taken over by the next worker that looks at their job.",
        "Start a worker, or: tickstock jobs resume ID",
    )  # fmt: skip


def _queue(orphans: int) -> Check:
    if not orphans:
        return Check("queue", Health.OK, "nothing left over")
    return Check(
        "queue", Health.WARNING, f"{orphans} tasks were left by a worker that is gone",
        "Another worker takes them over within half a minute.",
        "Start a worker: tickstock worker",
    )  # fmt: skip


def _budget(row: system.BudgetRow) -> Check:
    what = f"{row.vendor}: {row.granted:,} calls granted, {row.throttled:,} times told to wait"
    if row.seconds <= LONG_HELD_BACK:
        return Check("call budget", Health.OK, what)
    return Check(
        "call budget", Health.WARNING, f"{what}; the next call in {row.seconds:,.0f} s",
        "The vendor has told us to wait so long.", "Lower its calls per minute to your plan's.",
    )  # fmt: skip


def _account(settings: Settings, known: AccountLimits) -> Check:
    if not known:
        return Check("account", Health.OK, f"{settings.vendor}: nothing has been refused")
    learned = max(limit.learned_at for limit in known)
    what = f"{settings.vendor}: {account_text(known)} (learned on {learned:%Y-%m-%d})"
    return Check("account", Health.OK, what)


def _sessions(signs: Signs, known: date) -> Check:
    closed = f", {signs.closures} days closed by hand" if signs.closures else ""
    what = f"known through {known}{closed}"
    if signs.sessions_through is None:
        return Check(
            "sessions", Health.FAILURE, "The table of sessions is empty.",
            "Readers of SQL join with it.", "tickstock db migrate",
        )  # fmt: skip
    today = new_york_date(signs.now)
    if known - today > ENDS_SOON and signs.sessions_through <= known:
        return Check("sessions", Health.OK, what)
    health = Health.FAILURE if known <= today else Health.WARNING
    return Check(
        "sessions",
        health,
        what,
        "Later sessions are neither planned nor loaded.",
        "Install a newer version.",
    )


def _universes(signs: Signs) -> Check:
    if not signs.universes:
        return Check(
            "universes", Health.WARNING, "none is stored", "There is nothing to load by name.",
            "tickstock universe organize",
        )  # fmt: skip
    changed = signs.universes_changed
    if changed is None:
        return Check("universes", Health.OK, f"{signs.universes}, never stamped with a time")
    changed = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
    what = f"{signs.universes}, last changed {changed:%Y-%m-%d}"
    if signs.now - changed <= UNIVERSES_OLD:
        return Check("universes", Health.OK, what)
    return Check(
        "universes", Health.WARNING, what, "Indexes change their members every quarter.",
        "tickstock universe organize, or refresh those that have a source",
    )  # fmt: skip


def _origins(signs: Signs) -> Check:
    what = ", ".join(signs.origins) or "no bars yet"
    if "synthetic" not in signs.origins or len(signs.origins) == 1:
        return Check("origin of bars", Health.OK, what)
    return Check(
        "origin of bars", Health.WARNING, what,
        "Synthetic bars lie beside real ones; no single symbol mixes them.",
        "Keep trials in a home of their own (--home), and real bars in theirs.",
    )  # fmt: skip


def _rows_of_universes(listed: Sequence[Listed]) -> Check:
    bad = [str(row.ref) for row in listed if row.symbols is None]
    if not bad:
        return Check("rows of universes", Health.OK, "all can be read")
    more = f" and {len(bad) - SHOWN_ROWS} more" if len(bad) > SHOWN_ROWS else ""
    return Check(
        "rows of universes", Health.WARNING,
        f"{plural(len(bad), 'row')} without a list of symbols: {', '.join(bad[:SHOWN_ROWS])}{more}",
        "Named alone such a row is an error; globs and masters go on without it.",
        "tickstock universe validate says what is wrong with each",
    )  # fmt: skip


def _bar_names(taken: Sequence[bar_names.TakenName]) -> Check:
    what, means = bar_names.warning(taken)
    if not what:
        return Check("names of bars", Health.OK, "public.ohlcv_* show the bars of TickStock")
    return Check(
        "names of bars", Health.WARNING, what, means,
        "Let readers of TickStock's bars use the schema tickstock; see the how-to on deploying.",
    )  # fmt: skip


def _pages(failed: Sequence[str]) -> Check:
    if not failed:
        return Check("pages", Health.OK, "all that they ask the database is answered")
    return Check(
        "pages", Health.FAILURE, "; ".join(failed), "These parts of the page answer with an error.",
        "The log has the details; please report it.",
    )  # fmt: skip


def _probed(name: str, probe: Probe) -> Check:
    try:
        return Check(name, Health.OK, probe())
    except TickStockError as e:
        return Check(name, Health.FAILURE, e.what, "", e.hint)
