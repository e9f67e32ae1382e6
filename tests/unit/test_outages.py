"""What is said of something that is away, on a clock of the test's own."""

from __future__ import annotations

import itertools
import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tickstock import logs
from tickstock.errors import BadInput, DatabaseUnavailable
from tickstock.outages import CALM, DATABASE, GAP, LONGEST_GAP, REDIS, Outages
from tickstock.private import make_home

AWAY = DatabaseUnavailable("It says: connection refused.")


class House:
    """Outages, what they said and when, and a clock that does what was put off."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.said: list[tuple[float, str, dict[str, object]]] = []
        self._later: list[tuple[float, Callable[[], None]]] = []
        self.outages = Outages(
            say=lambda event, facts: self.said.append((self.now, event, facts)),
            clock=lambda: self.now,
            wall=lambda: datetime(2026, 11, 28, tzinfo=UTC) + timedelta(seconds=self.now - 1000),
            later=lambda seconds, do: self._later.append((self.now + seconds, do)),
        )

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [one for one in self._later if one[0] <= end]:
            first = min(due, key=lambda one: one[0])
            self._later.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = end

    @property
    def events(self) -> list[str]:
        return [event for _, event, _ in self.said]


def test_an_outage_of_an_hour_is_told_at_once_ever_more_rarely_and_at_its_end() -> None:
    house = House()
    for _ in range(36_000):
        house.outages.away(DATABASE, AWAY)
        house.wait(0.1)
    house.outages.back(DATABASE)
    house.wait(CALM)
    assert house.events[0] == "database away"
    assert house.events[-1] == "database back"
    assert house.events.count("database back") == 1
    assert 3600 / LONGEST_GAP <= len(house.said) <= 3600 / LONGEST_GAP + 8
    assert {facts["since"] for _, _, facts in house.said} == {"2026-11-28T00:00:00Z"}
    assert house.said[-1][2]["seconds"] == 3600.0
    unsaid = sum(int(str(facts["unsaid"])) for _, _, facts in house.said)
    assert unsaid + len(house.said) - 1 == 36_000


@given(
    st.lists(
        st.tuples(st.sampled_from([DATABASE, REDIS]), st.booleans(), st.floats(0, 5)), max_size=60
    )
)
def test_never_two_lines_in_a_second_and_each_outage_ends_once(
    steps: list[tuple[str, bool, float]],
) -> None:
    house = House()
    for what, fails, seconds in steps:
        if fails:
            house.outages.away(what, AWAY)
        else:
            house.outages.back(what)
        house.wait(seconds)
    for what in (DATABASE, REDIS):
        house.outages.back(what)
    house.wait(CALM + 3 * GAP)
    times = [at for at, _, _ in house.said]
    assert all(b - a >= GAP - 1e-6 for a, b in itertools.pairwise(times))
    for what in (DATABASE, REDIS):
        assert not house.outages.is_away(what)
        told = [event for event in house.events if event.startswith(what)]
        failed = any(fails for name, fails, _ in steps if name == what)
        assert (told[-1:] == [f"{what} back"]) == failed


def test_one_that_comes_and_goes_is_one_outage() -> None:
    house = House()
    for _ in range(50):
        house.outages.away(DATABASE, AWAY)
        house.wait(CALM / 2)
        house.outages.back(DATABASE)
        house.wait(CALM / 2)
    house.wait(CALM)
    assert house.events.count("database back") == 1


def test_what_is_not_asked_any_more_is_over() -> None:
    house = House()
    house.outages.away(DATABASE, AWAY)
    house.outages.settle(DATABASE)
    assert house.events == ["database away"]
    house.outages.back(DATABASE)
    house.outages.settle(DATABASE)
    assert house.events == ["database away", "database back"]


# --- lines of others --------------------------------------------------------------------------
def test_lines_of_others_are_left_out_while_it_is_away() -> None:
    outages = House().outages
    outages.recognize(DATABASE, lambda thing: isinstance(thing, psycopg.OperationalError))
    assert not outages.is_said([AWAY])
    outages.away(DATABASE, AWAY)
    assert outages.is_said([AWAY])
    assert outages.is_said([None, "text", ExceptionGroup("several", [AWAY])])
    assert not outages.is_said([BadInput("wrong"), "the database is away", None, 7])


def test_an_error_of_a_library_begins_an_outage() -> None:
    house = House()
    house.outages.recognize(DATABASE, lambda thing: isinstance(thing, psycopg.OperationalError))
    caused = RuntimeError("Database error")
    caused.__cause__ = psycopg.OperationalError("no route to host")
    assert house.outages.is_said([caused])
    assert house.events == ["database away"]
    assert house.said[0][2]["error"] == "no route to host"


def test_errors_that_cause_one_another_in_a_circle_come_to_an_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert not House().outages.is_said([one])


def test_the_log_leaves_out_what_is_told_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House()
    house.outages.recognize(DATABASE, lambda thing: isinstance(thing, psycopg.OperationalError))
    monkeypatch.setattr(logs, "OUTAGES", house.outages)
    file = tmp_path / "logs" / "tickstock.log"
    with logging_to(file):
        house.outages.away(DATABASE, AWAY)
        mine, theirs = structlog.get_logger("tickstock.worker"), logging.getLogger("psycopg.pool")
        for _ in range(100):
            mine.warning("leases not renewed", error=AWAY)
            mine.error("job cannot be ended", exc_info=AWAY)
            theirs.warning("error connecting in %r: %s", "pool", psycopg.OperationalError("no"))
            logging.getLogger("tickstock.web").info("%s: %s", "GET /", AWAY)
            try:
                raise AWAY
            except DatabaseUnavailable:
                mine.exception("ended")
        mine.warning("rows put aside", error=BadInput("Something else."))
        theirs.warning("something else")
    events = [json.loads(line)["event"] for line in file.read_text("utf-8").splitlines()]
    assert events == ["rows put aside", "something else"]


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.set_up_logs(file, "debug", (), show=False)
    try:
        yield
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


# --- private files ----------------------------------------------------------------------------
def test_a_log_is_its_owners_alone_also_when_it_is_rotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 200)
    file = tmp_path / "logs" / "tickstock.log"
    before = os.umask(0)
    try:
        with logging_to(file):
            for number in range(10):
                logging.getLogger("tickstock.cli").error("line %d, and some words more", number)
    finally:
        os.umask(before)
    found = {p.name: stat.S_IMODE(p.stat().st_mode) for p in file.parent.iterdir()}
    assert len(found) > 2
    assert set(found.values()) == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_home_is_made_private_and_left_as_it_is(tmp_path: Path) -> None:
    made, there = tmp_path / "a" / "home", tmp_path / "there"
    there.mkdir(mode=0o755)
    make_home(made, has_server=False)
    make_home(there, has_server=False)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE(there.stat().st_mode) == 0o755
    served = tmp_path / "served"
    make_home(served, has_server=True)
    # The embedded server runs as another user when root starts it.
    assert stat.S_IMODE(served.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
