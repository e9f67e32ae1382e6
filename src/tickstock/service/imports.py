"""Lists from outside into universes, and universes out again.

imported = tick.imports.read("IVV.csv", data, "stock_universe:index_sp500")
change = tick.imports.plan(imported, "stock_universe:index_sp500")
tick.imports.apply(change)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from tickstock.clock import new_york_date
from tickstock.config import Settings
from tickstock.errors import BadFile, EmptyUniverse
from tickstock.service.dependents import effects
from tickstock.service.packages import read_package
from tickstock.service.universes import Universes
from tickstock.store import history as past
from tickstock.store import instruments, listings, universe_plans, universe_writes
from tickstock.store import universes as store
from tickstock.store.database import Database
from tickstock.universes.catalog import source_day
from tickstock.universes.expression import Ref, parse
from tickstock.universes.files import MAX_HISTORY_BYTES, Form, Gather, Imported, read_file
from tickstock.universes.files.holdings import add_holding
from tickstock.universes.files.written import Listing, OutForm, write_file
from tickstock.universes.key import check_key, parse_ref
from tickstock.universes.plan import OrganizePlan, judged
from tickstock.universes.sources import CatalogSource, least, parse_source, provenance, source_of
from tickstock.vendors import Gate
from tickstock.vendors.massive.reference import (
    ConstituentRecord,
    ConstituentsCall,
    ListingSource,
    TickersCall,
    latest,
)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What was read, and what making it the members of a universe would do."""

    imported: Imported
    plan: OrganizePlan
    source: str


class Imports:
    """Reads lists, plans what they change, performs it; writes lists.

    Universes are named `type:key`.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        universes: Universes,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._environment = settings.environment
        self._universes = universes
        self._clock = clock

    # -- in ----------------------------------------------------------------------------------
    def read(
        self,
        name: str,
        data: bytes,
        universe: str,
        form: Form = Form.AUTO,
        *,
        column: str = "",
        most_bytes: int = MAX_HISTORY_BYTES,
    ) -> Imported:
        """The symbols in a file's bytes, for a universe.

        Files that tell ETFs from stocks give only what fits the type of the universe. `column` is
        the heading or number of the column of symbols, where several could be it. What has more
        than `most_bytes`, as it comes or unpacked, is refused unread.
        Raises BadFile naming all problems with their lines, BadKey for what names no universe.
        """
        return read_file(
            name,
            data,
            form,
            resolve=self._spelled,
            traded=self._traded,
            identify=self._identified,
            etfs=parse_ref(universe).type == "etf_universe",
            today=self._today(),
            column=column,
            most_bytes=most_bytes,
        )

    def identifiers(
        self, name: str, data: bytes, form: Form = Form.AUTO, *, column: str = ""
    ) -> tuple[str, ...]:
        """The identifiers that stand in a file in the place of symbols."""
        seen: dict[str, None] = {}

        def note(texts: Sequence[str]) -> Mapping[str, str]:
            seen.update(dict.fromkeys(texts))
            return {}

        with contextlib.suppress(BadFile):  # it is read again, and then told
            read_file(name, data, form, identify=note, column=column)
        return tuple(seen)

    def source(self, universe: str, text: str | None = None) -> CatalogSource:
        """Where to refresh a universe from: what `text` names, else where it came from.

        Raises BadInput where nothing is known that could be asked, UnknownUniverse.
        """
        ref = parse_ref(universe)
        if text is not None:
            return parse_source(text, ref)
        return source_of(self._universes.get(universe).source, ref)

    def package(self, source: CatalogSource) -> Imported:
        """The members that an installed package gives. Raises BadInput, BadFile."""
        return read_package(source)

    async def fetch(
        self, source: CatalogSource, vendor: ListingSource, gate: Gate, day: date | None = None
    ) -> Imported:
        """The members that the vendor gives, today or on `day`.

        Raises what `MassiveSource.fetch` does, and EmptyUniverse where the vendor knows none.
        """
        gather = Gather(str(source), self._spelled, traded=self._traded)
        if source.kind == "tickers":
            await _take_tickers(gather, TickersCall(source.what, day), vendor, gate)
            gather.as_of = day or self._today()
        else:
            await _take_constituents(gather, source.what, vendor, gate, day)
        return gather.done("listing of the vendor")

    def plan(
        self,
        imported: Imported,
        universe: str,
        *,
        title: str | None = None,
        source: CatalogSource | None = None,
    ) -> ImportPlan:
        """What making the list the members of a universe would do. Nothing is written.

        Args:
            title: the universe's name for people; by default it stays, or follows from the key.
            source: where the list is from, when not from a file.
        """
        ref = parse_ref(universe)
        came_from = provenance(str(source or f"file:{imported.name}"), imported, self._today())
        with self._database.transaction() as conn:
            is_new = not store.exists(conn, ref, self._environment)
            plan = universe_plans.plan_set(
                conn,
                ref,
                imported.symbols,
                name=title,
                source=came_from,
                environment=self._environment,
            )
            if imported.history is not None:
                told = replace(imported.history, source=came_from)
                recordings = past.unrecorded(conn, {ref: told}, self._environment, again=True)
                plan = replace(plan, recordings=recordings)
            if source is None or not source.is_vendor:  # the vendor knows its own
                plan = judged(plan, partial(instruments.traded, conn), say=False)
            more = effects(conn, self._environment, new=[ref]) if is_new else []
        warning = check_key(ref.key) if is_new else None
        notes = [*_lost(plan, imported), *more, *([warning] if warning else [])]
        whole = least(ref, source)
        noted = replace(plan, notes=(*plan.notes, *notes), least=whole)
        return ImportPlan(imported, noted, came_from)

    def apply(
        self, change: ImportPlan, *, reason: str = "import", allow: Collection[str] = ()
    ) -> None:
        """Do exactly what the plan says, or refuse and change nothing.

        Raises GuardRefused for a list that loses too much of the universe or is too small to be
        all of it, StalePlan when the state has moved.
        """
        with self._database.transaction() as conn:
            universe_writes.apply(
                conn, change.plan, allow=allow, source=change.source, reason=reason
            )

    # -- out ---------------------------------------------------------------------------------
    def export(self, expression: str, form: OutForm) -> bytes:
        """The members of a universe, in stored order, or of an expression, as a file.

        Raises what evaluating an expression raises, and BadInput for a form whose library is not
        installed.
        """
        return write_file(self._listing(expression), form)

    def _listing(self, expression: str) -> Listing:
        node = parse(expression)
        ref = node.ref if isinstance(node, Ref) else None
        if ref is None:
            return Listing(self._universes.evaluate(expression).symbols, expression)
        symbols = self._universes.members(expression)
        held = self._universes.get(str(ref))
        day = source_day(held.source)
        source = held.source.removesuffix(f", as of {day}")
        return Listing(symbols, held.name, ref, held.description, source, day)

    def _spelled(self, symbols: Sequence[str]) -> Mapping[str, str]:
        with self._database.transaction() as conn:
            return instruments.spelled(conn, symbols)

    def _identified(self, texts: Sequence[str]) -> Mapping[str, str]:
        with self._database.transaction() as conn:
            return listings.identified(conn, texts)

    def _traded(self, symbols: Sequence[str]) -> Collection[str]:
        with self._database.transaction() as conn:
            return instruments.traded(conn, symbols)

    def _today(self) -> date:
        return new_york_date(self._clock())


def _lost(plan: OrganizePlan, imported: Imported) -> Iterable[str]:
    """What a person would be sorry to find out afterwards."""
    for change in plan.changes:
        known = change.facts_before
        if known.expression and not change.facts.expression:
            yield f"{change.ref} is the expression {known.expression} until now."
        held = source_day(known.source)
        if held and imported.as_of and imported.as_of < held:
            yield f"{change.ref} is held as of {held}; this is older, as of {imported.as_of}."


# --- what a vendor gives --------------------------------------------------------------------
async def _take_tickers(
    gather: Gather, call: TickersCall, vendor: ListingSource, gate: Gate
) -> None:
    records = await vendor.fetch_listing(call, gate)
    if not records:
        raise _knows_none(call)
    for place, record in enumerate(records, 1):
        gather.count_row()
        gather.add(place, record.ticker)


async def _take_constituents(
    gather: Gather, fund: str, vendor: ListingSource, gate: Gate, day: date | None
) -> None:
    """The newest report up to `day`. Its day is asked for first: reports of years are long."""
    newest = ConstituentsCall(fund, until=day)
    first = await vendor.fetch_listing(newest, gate)
    if not first:
        raise _knows_none(newest)
    report = replace(newest, since=max(record.effective_date for record in first))
    holdings = latest(await vendor.fetch_listing(report, gate))
    if not holdings:
        raise _knows_none(newest)
    gather.as_of = holdings[0].effective_date
    for place, holding in enumerate(holdings, 1):
        gather.count_row()
        add_holding(gather, place, _cells(holding))


def _cells(holding: ConstituentRecord) -> dict[str, str]:
    """A holding under the names that the columns of holdings files have."""
    return {
        "ticker": holding.constituent_ticker or "",
        "name": holding.constituent_name or "",
        "asset class": holding.asset_class or "",
        "security type": holding.security_type or "",
        "local currency": holding.currency_traded or "",
    }


def _knows_none(call: TickersCall | ConstituentsCall) -> EmptyUniverse:
    return EmptyUniverse(f"The vendor knows none of {call}.", "Check the symbol, type and day.")
