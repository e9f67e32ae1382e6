"""`tickstock doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import settings_of
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.config import Settings
    from tickstock.service import TickStock
    from tickstock.service.doctor import Check
    from tickstock.store.database import Database

MARKS = {
    "ok": "[green]ok[/]",
    "warning": "[yellow]warning[/]",
    "failure": "[red]failure[/]",
}
WIDTH = 10


def doctor(
    *,
    ask_vendor: Annotated[
        bool, Parameter(negative="", help="Also ask the vendor, by one call, if it takes the key.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Check the whole installation, and say what to do.

    Looks at database, schema, clocks, disk, vendor key, workers, jobs, queue, sessions and
    universes. Says of each what was found, why it matters and what to do. Nothing is changed.
    Ends with 1 where something does not work; warnings alone end with 0.
    """
    from tickstock.clock import machine_now
    from tickstock.service.doctor import Health, examine
    from tickstock.service.system import ask_redis
    from tickstock.store.database import Database

    settings = settings_of(common)

    def open_database() -> Database:
        uri = settings.database_uri.get_secret_value() if settings.database_uri else None
        return Database.open(uri, settings.home, migrate=False, sealed_files=settings.sealed_where)

    probes = {}
    if redis := settings.redis_url:
        probes["redis"] = lambda: ask_redis(redis.get_secret_value())
    if ask_vendor:
        probes["vendor"] = lambda: _ask_vendor(settings)
    found = list(examine(settings, open_database, machine_now, probes))
    if common.json:
        print_json("doctor", {"checks": [asdict(check) for check in found]})
    else:
        _show(found)
    return int(any(check.health is Health.FAILURE for check in found))


def _show(found: list[Check]) -> None:
    out = console()
    for check in found:
        mark = MARKS[check.health] + " " * (WIDTH - len(check.health))
        out.print(f"{mark}{check.name:<18}", end="")
        out.print(check.what, markup=False)
        for more in (check.why, check.do):
            if more:
                out.print(f"{'':<{WIDTH + 18}}{more}", markup=False)
    bad = [c.name for c in found if c.health in ("warning", "failure")]
    out.print(f"Look at: {', '.join(bad)}." if bad else "All is well.")


def _ask_vendor(settings: Settings) -> str:
    """One call for one session of one symbol, within the shared budget."""
    import asyncio

    from tickstock.model import Call, CallKind, Timeframe
    from tickstock.service import TickStock
    from tickstock.worker.gate import SharedGate
    from tickstock.worker.run import configured_source

    async def ask(tick: TickStock) -> str:
        source = configured_source(tick, ("AAPL",))
        try:
            gate = SharedGate(tick.database, source.name, source.limits.calls_per_minute)
            span = tick.dates.span("1d")
            kind = CallKind.TICKER if source.limits.ticker else CallKind.FLAT_DAY
            symbol = "AAPL" if source.limits.ticker else ""
            answer = await source.fetch(Call(kind, Timeframe.DAY, span, symbol), gate)
        finally:
            await source.close()
        return f"{source.name} answers: {plural(len(answer.bars), 'bar')} for {answer.call}"

    with TickStock.open(settings) as tick:
        return asyncio.run(ask(tick))
