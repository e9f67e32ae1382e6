"""Faults put into the package on purpose, one line each: do the tests notice?

python -m tests.mutations               all of them, one after the other: about ten minutes
python -m tests.mutations bits lease    those whose name holds one of the words
python -m tests.mutations --list        what they are

Each is made in a copy of the package, and the tests named with it run against the copy. A mutation
that they do not notice has survived: it is printed, and the command ends with 1. That every line
still stands where the table says is a test of the suite (unit/test_mutations.py).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tickstock"


@dataclass(frozen=True)
class Mutation:
    """In `file` of the package, `line`, which stands there once, becomes `mutant`: `tests` fail."""

    name: str
    file: str
    line: str
    mutant: str
    tests: str


M = Mutation
MUTATIONS = (
    # --- days and sessions ---
    M("span: its end is inside", "spans.py",
      "return self.start <= day < self.end", "return self.start <= day <= self.end",
      "unit/test_spans.py"),
    M("span: what only touches stays two", "spans.py",
      "if merged and span.start <= merged[-1].end:", "if merged and span.start < merged[-1].end:",
      "unit/test_spans.py"),
    M("span: a gap inside hides the rest", "spans.py",
      "start = max(start, gap.end)", "start = max(start, span.end)", "unit/test_spans.py"),
    M("sessions: a midnight belongs to the day before", "sessions.py",
      'place = np.searchsorted(self._midnights, instants, side="right") - 1',
      'place = np.searchsorted(self._midnights, instants, side="left") - 1',
      "unit/test_sessions.py"),
    M("sessions: final at once", "sessions.py",
      "settled = now - lag", "settled = now", "unit/test_sessions.py"),
    M("sessions: final a second late", "sessions.py",
      'np.searchsorted(self.closes, int(settled.timestamp()), side="right")',
      'np.searchsorted(self.closes, int(settled.timestamp()), side="left")',
      "unit/test_sessions.py"),
    M("schedule: due also at the moment it was due before", "loading/due.py",
      "if after < at <= until]", "if after <= at <= until]", "unit/test_due.py"),
    M("schedule: before the open is the same day", "loading/due.py",
      "return delay if self.at >= CLOSES else delay + ONE_DAY", "return delay", "unit/test_due.py"),
    # --- the plan ---
    M("bits: ranges that touch are joined", "loading/bits.py",
      "low[1:] >= reach[:-1])))", "low[1:] > reach[:-1])))", "unit/test_bits.py"),
    M("bits: a run may go on in the next row", "loading/bits.py",
      "stride = self.columns + 1", "stride = self.columns", "unit/test_bits.py"),
    M("plan: files before answers of the same price", "loading/choice.py",
      "use_file = file & (~market | (file_price < answer_price))",
      "use_file = file & (~market | (file_price <= answer_price))", "unit/test_choice.py"),
    M("plan: a ticker call one session too wide", "loading/choice.py",
      "within = np.searchsorted(grid.days, grid.days + limits.longest_days)",
      "within = np.searchsorted(grid.days, grid.days + limits.longest_days + 1)",
      "unit/test_choice.py unit/test_planner.py"),
    M("plan: what no column brings is forgotten", "loading/choice.py",
      "cover = minimum_cover(pieces.without(forced, ~can), prices, task.columns.price)",
      "cover = minimum_cover(pieces.without(forced, can), prices, task.columns.price)",
      "unit/test_choice.py unit/test_planner.py"),
    M("plan: days that the vendor does not have", "loading/choice.py",
      "if ((wanted < first) | (wanted >= end)).any():", "if (wanted < first).any():",
      "unit/test_choice.py unit/test_planner.py"),
    M("cover: said to be cheaper than it is", "loading/cover.py",
      "return Cover(rows | rest.rows, columns | rest.columns, paid + rest.cost, paid + rest.bound)",
      "return Cover(rows | rest.rows, columns | rest.columns, rest.cost, rest.bound)",
      "unit/test_cover.py"),
    # --- judging an answer ---
    M("judge: bars of unwanted days are kept", "loading/judge.py",
      "wanted[wanted] = columns.is_inside(place[wanted], calendar.days[session[wanted]])",
      "wanted[wanted] = True", "unit/test_judge.py"),
    M("judge: an old empty answer stands a day", "loading/judge.py",
      "for flags, stands in ((~shortly, OLD_EMPTY_STANDS), (shortly, RECENT_EMPTY_STANDS)):",
      "for flags, stands in ((~shortly, RECENT_EMPTY_STANDS), (shortly, RECENT_EMPTY_STANDS)):",
      "unit/test_judge.py"),
    M("judge: a market without a ticker is no data", "loading/judge.py",
      "if is_whole_empty(self.answer):", "if False:", "contract/test_belief.py"),
    M("judge: the newest market is said to have failed", "loading/judge.py",
      "return GapCause.NOT_PUBLISHED if newest else GapCause.FAILED, detail",
      "return GapCause.FAILED, detail", "contract/test_belief.py"),
    M("judge: a gap says something about a weekend", "loading/judge.py",
      "return Span.inclusive(calendar.day(start), calendar.day(end - 1))",
      "return Span(calendar.day(start), calendar.day(min(end, len(calendar) - 1)))",
      "unit/test_judge.py"),
    M("judge: a renamed firm is asked about by one ticker", "loading/targets.py",
      "return {t.symbol: t for t in mine if t.span & call.span}",
      "return {t.symbol: t for t in mine}", "unit/test_judge.py"),
    M("judge: bars that cannot be are stored", "loading/judge.py",
      "sound = wanted & ~bad", "sound = wanted", "unit/test_judge.py"),
    M("bars: a price of zero is possible", "bars.py",
      'found = {f"{name} is not above zero": getattr(bars, name) <= 0 for name in PRICES}',
      'found = {f"{name} is not above zero": getattr(bars, name) < 0 for name in PRICES}',
      "unit/test_bars.py"),
    M("bars: another firm is never suspected", "bars.py",
      "found[ANOTHER_FIRM] = jumps & ~near & np.append(False, np.diff(bars.owner) == 0)",
      "found[ANOTHER_FIRM] = jumps & near & np.append(False, np.diff(bars.owner) == 0)",
      "unit/test_bars.py"),
    M("half sessions: measured by half days", "loading/plausible.py",
      "scaled = bars * (FULL_MINUTES / np.maximum(minutes, 1))", "scaled = bars * 1.0",
      "unit/test_plausible.py"),
    M("half sessions: believed", "loading/plausible.py",
      "return low >= STEADY * middle and bars < HALF * low * (low / middle)", "return False",
      "unit/test_plausible.py unit/test_judge.py"),
    M("small markets: held against itself", "loading/plausible.py",
      "near[i] = False", "near[i] = True", "unit/test_plausible.py"),
    M("empty answers: one that was wrong is forgiven", "loading/plausible.py",
      "        if self.was_wrong:\n            return True\n", "", "unit/test_plausible.py"),
    M("cut answers: full pages are believed", "loading/truncation.py",
      "if len(answer.bars) in PAGES:", "if False:", "unit/test_truncation.py"),
    M("refused days: of one ticker they count for all", "loading/account.py",
      "enough = NAMES if any(self.refused) else 1", "enough = 1", "unit/test_account.py"),
    M("slow ranges: one that was slow once is too long", "loading/lengths.py",
      "if sum(n <= ALIKE * days for n in self.slow) >= TWICE:", "if self.slow:",
      "unit/test_plausible.py"),
    M("gains: a gap is held", "loading/gains.py",
      "np.flatnonzero(np.diff(sessions) > 1) + 1", "np.flatnonzero(np.diff(sessions) > 2) + 1",
      "unit/test_judge.py contract/test_drain.py"),
    # --- splits and dividends ---
    M("adjusting: the ex-date itself", "adjust.py",
      'place = np.searchsorted(keys, day_keys(owner[rows], days[rows]), side="right")',
      'place = np.searchsorted(keys, day_keys(owner[rows], days[rows]), side="left")',
      "unit/test_adjust.py"),
    M("adjusting: another owner's steps", "adjust.py",
      "mine = np.append(step_owner, -1)[place] == owner[rows]",
      "mine = np.append(step_owner, -1)[place] >= 0", "unit/test_adjust.py"),
    M("evidence: the bars are not asked", "evidence.py",
      "stands = best if told else said", "stands = said", "unit/test_evidence.py"),
    M("evidence: cash in the units before the split", "evidence.py",
      "left = 1.0 - sum(c.cash for c in picked) / (close * units)",
      "left = 1.0 - sum(c.cash for c in picked) / close", "unit/test_evidence.py"),
    # --- the vendor's wire ---
    M("wire: split-adjusted bars are taken", "vendors/massive/wire.py",
      "if found.adjusted is not False:", "if False:", "unit/test_wire.py"),
    M("wire: fewer bars than announced", "vendors/massive/wire.py",
      "if found.results_count != len(bars):", "if found.results_count < len(bars):",
      "unit/test_wire.py"),
    M("wire: bars of another ticker", "vendors/massive/wire.py",
      "if call.kind is CallKind.TICKER and found.ticker not in (None, call.symbol):", "if False:",
      "unit/test_wire.py"),
    M("wire: the next page may be anywhere", "vendors/massive/wire.py",
      "if not _same_endpoint(asked.segments, segments):", "if False:", "unit/test_wire.py"),
    M("wire: a ticker may leave its segment", "vendors/massive/wire.py",
      'else quote(segment, safe="")', "else quote(segment)", "unit/test_wire.py"),
    M("files: an end in the middle of a line", "vendors/flatfiles/flatcsv.py",
      'if begun.count(b",") < columns:', "if False:", "contract/test_flat_files.py"),
    M("files: only the first gzip member", "vendors/flatfiles/flatcsv.py",
      "at -= len(inflater.unused_data)", "at = len(whole)", "contract/test_flat_files.py"),
    M("files: a line's ticker up to any comma", "vendors/flatfiles/flatcsv.py",
      "first = commas & (~commas + np.uint64(1))", "first = commas", "unit/test_flat_tickers.py"),
    M("bar files: the first ones unasked anywhere", "service/bar_folder.py",
      "return self._is_unasked and work.bars >= unasked", "return work.bars >= unasked",
      "contract/test_refolding.py"),
    M("sealed files: lost with their bucket", "sealed_bucket.py",
      "if self._is_there():", "if True:", "store/test_sealed_bucket.py"),
    # --- the ledger ---
    M("lease: also of those that still hold theirs", "store/ledger.sql",
      "OR state = 'leased' AND lease_until < clock_timestamp())", "OR state = 'leased')",
      "store/test_ledger.py"),
    M("lease: the fence does not move", "store/ledger.sql",
      "SET state = 'leased', fence = c.fence + 1, lost",
      "SET state = 'leased', fence = c.fence, lost",
      "store/test_ledger.py"),
    M("lease: a paused job is worked on", "store/ledger.sql",
      "OR state = 'leased' AND lease_until < clock_timestamp())\n"
      "      AND EXISTS (SELECT FROM tickstock.loads WHERE id = %(load_id)s AND paused_at IS NULL)",
      "OR state = 'leased' AND lease_until < clock_timestamp())",
      "store/test_ledger.py"),
    M("fence: not asked for at commit", "store/ledger.sql",
      "  ON c.id = mine.id AND c.fence = mine.fence\nWHERE c.state = 'leased'\n",
      "  ON c.id = mine.id\nWHERE c.state = 'leased'\n", "store/test_ledger.py"),
    M("budget: grants before they are due", "store/budget.sql",
      "WHERE vendor = %(vendor)s AND next_at <= clock_timestamp()", "WHERE vendor = %(vendor)s",
      "store/test_budget.py"),
    M("budget: a 429 makes it earlier", "store/budget.sql",
      "SET next_at = greatest(next_at, clock_timestamp() + %(delay)s)",
      "SET next_at = least(next_at, clock_timestamp() + %(delay)s)", "store/test_budget.py"),
    M("gate: a 429 is forgotten", "worker/gate.py",
      "        if self._held_until != held:\n            return False\n", "",
      "store/test_budget.py reliability/test_limit.py"),
    # --- universes ---
    M("guard: a list may lose all", "universes/guard.py",
      "    if not change.symbols:\n", "    if False:\n", "unit/test_guard.py"),
    M("guard: the table is not looked at", "universes/guard.py",
      "if lost > most and lost > MAX_SHARE * held", "if False", "unit/test_guard.py"),
    M("guard: rows of others may go", "universes/guard.py",
      "foreign = [c for c in changes if c.is_foreign]", "foreign = list(changes)[:0]",
      "unit/test_guard.py"),
    M("merge: what a person took out comes back", "universes/merge.py",
      "return (*without(theirs, lost), *without(ours, {*base, *theirs}))",
      "return (*without(theirs, lost), *without(ours, {*theirs}))",
      "unit/test_organize_plan.py"),
    M("merge: a deleted universe comes back", "universes/merge.py",
      "return _deleted(definition, facts) if facts.base is not None else _as_defined(definition)",
      "return _as_defined(definition)", "unit/test_organize_plan.py"),
    M("intervals: the last day is not inside", "universes/files/dated.py",
      "end + ONE_DAY if self.inside else end", "end",
      "unit/test_intervals.py"),
    M("intervals: who is in at the end leaves", "universes/membership.py",
      "Interval(symbol, span if span.end < days.end else Span(span.start, FOREVER))",
      "Interval(symbol, span)", "unit/test_intervals.py"),
    # --- the front door ---
    M("passwords: none fits", "service/passwords.py",
      "except wrong:\n                return False", "except wrong:\n                return True",
      "contract/test_web_access.py"),
    M("connections: nobody makes room", "web/connections.py",
      "if len(self.connections) > self._all.limits.most:", "if False:",
      "contract/test_front_door.py"),
    M("connections: a half request may stay", "web/connections.py",
      "        self.transport.close()\n\n\n_TIMEOUT", "\n\n_TIMEOUT",
      "contract/test_front_door.py"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    chosen = [m for m in MUTATIONS if not given.words or any(w in m.name for w in given.words)]
    if given.list:
        print(*(f"{m.name:<52} {m.file}" for m in chosen), sep="\n")
        return 0
    survived = [m for m in chosen if not _is_noticed(m)]
    print(f"{len(chosen)} mutations, {len(survived)} survived")
    return min(len(survived), 1)


def _is_noticed(mutation: Mutation) -> bool:
    """Whether the tests fail with it; what they are, and how long it took, is printed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ts-mutation-") as made:
        copy = Path(made) / "tickstock"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        _mutate(copy / mutation.file, mutation)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
             *(f"tests/{name}" for name in mutation.tests.split())],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": made}, capture_output=True, check=False,
        )  # fmt: skip
    if done.returncode not in (0, 1):
        sys.exit(f"{mutation.name}: pytest ended with {done.returncode}\n{done.stdout.decode()}")
    word = "noticed" if done.returncode else "SURVIVED"
    print(f"{word:<9} {time.monotonic() - began:5.1f} s  {mutation.name}", flush=True)
    return bool(done.returncode)


def _mutate(file: Path, mutation: Mutation) -> None:
    text = file.read_text("utf-8")
    if text.count(mutation.line) != 1:
        sys.exit(f"{mutation.name}: {mutation.file} does not hold its line once.")
    file.write_text(text.replace(mutation.line, mutation.mutant), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
