"""Every command on databases that hold nothing, half of what it expects, or odd things, and with
output that takes ASCII alone: an answer or an error of ours, never "an error inside TickStock"."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tickstock.cli.app import COMMANDS, GROUPS, run
from tickstock.cli.streams import fit_streams

INSIDE = "an error inside TickStock"
EXITS = {0, 1, 2, 3, 4, 5}
HARD = ("{TQX}", "stock_universe:none")
"""Minutes alone, and no member: with every command that takes a universe."""
NAMED = (
    "{AAPL, TQX, NOPE}",  # days, minutes, never asked for
    "stock_universe:tokyo",  # a name beyond every western alphabet
    "{NOPE}",
    "stock_universe:no_such",
    "{",
    "",
    "é·█",
)
"""The rest in turn."""
OF_A_UNIVERSE = (
    "plan U --for 1mo",
    "plan U --for 1mo --timeframes day,hour,1min",
    "missing U --for 1mo",
    "missing U --timeframes 1min --from 2025-03-03 --to 2025-03-05",
    "coverage U",
    "coverage U --for 1y",
    "coverage U --timeframe 1min",
    "coverage U --timeframe month --from 2011-01-03 --to 2012-06-01",
    "bars U",
    "bars U --for 1mo",
    "bars U --timeframe 1min",
    "bars U --timeframe week --adjust total",
    "bars U --format csv",
    "bars U --format json",
    "bars U --format parquet",
    "bars U --format arrow",
    "revisions U",
    "verify U",
    "verify U --timeframe 1min",
    "verify U --timeframe month",
    "export U FOLDER",
    "export U FOLDER --timeframe 1min",
    "universe show U",
    "universe show U --why",
    "universe show U --as-of 2020-01-02",
    "universe diff U {AAPL}",
    "universe log U",
    "universe blame U",
    "universe export U",
    "universe export U --format json",
    "universe refresh U --yes",
    "universe add U ZZZ --yes",
    "universe revert U --yes",
)
OTHER = (
    "revisions --job 1234",
    "verify",
    "verify --folder FOLDER",
    "files verify",
    "files fold",
    "files fold --anew",
    "files verify --json",
    "files seal --before 2025-02",
    "files seal --before 2025-02 --timeframes hour",
    "files sealed",
    "files unseal 2025-01",
    "lake publish",
    "lake publish --anew",
    "lake status",
    "lake status --json",
    "doctor",
    "universe list",
    "universe list --type no_such",
    "universe containing AAPL",
    "universe containing é",
    "universe set stock_universe:new AAPL --name 東京 --yes",
    "universe rename stock_universe:new stock_universe:newer --yes",
    "universe remove stock_universe:newer AAPL --yes",
    "universe delete stock_universe:newer --yes",
    "universe delete stock_universe:no_such --yes",
    "universe record stock_universe:tokyo NO_FILE --yes",
    "universe import NO_FILE --as stock_universe:x --yes",
    "universe build stock_universe:built --rule é --from 2025-01-02 --to 2025-02-03 --yes",
    "universe build stock_universe:b --rule pick({AAPL};age>=5) --from 2025-01-02 --to 2025-02-03",
    "instruments refresh",
    "instruments renames {AAPL}",
    "instruments renames é --plan",
    "vendor limits",
    "vendor limits --forget",
    "universe validate",
    "universe validate --format markdown",
    "universe organize",
    "load --csv no_such.csv",
    "load {AAPL} --for 0d",
    "load U --plan no_such",
    "refresh stock_universe:none",
    "jobs list",
    "jobs list --state no_such",
    "jobs show 1234",
    "jobs watch 1234",
    "jobs cancel 1234",
    "jobs pause é",
    "jobs resume 1234",
    "jobs retry 1234",
    "jobs clone 1234",
    "jobs prune --dry-run",
    "schedule add x stock_universe:none --at 18:30",
    "schedule add é {AAPL} --at 25:00",
    "schedule list",
    "schedule run-now x",
    "schedule remove x",
    "schedule remove y",
    "sessions list",
    "sessions list --for 1mo",
    "sessions close 2026-01-01 -m é",
    "sessions reopen 2026-01-02",
    "user list",
    "user remove é",
    "user passwd nobody",
    "user add é --role admin",
    "user link",
    "db status",
    "db migrate",
    "db roles --print",
    "config show",
    "worker",  # the vendor's key is not set
    "bridge",  # Redis is not set
    "serve --certificate x",  # its key is not given
)
ELSEWHERE = {
    "demo": "tests of the tutorial; scripts/cross_installs.py runs it in ASCII too",
    "db backup": "tests/store/test_programs.py",
    "db restore": "tests/store/test_programs.py",
    "db shell": "tests/store/test_programs.py",
    "db prove": "tests/acceptance/test_prove.py",
    "db stop": "tests/store/test_embedded.py",
}


def every_command() -> set[str]:
    groups = {f"{g} {c}" for g, (_, commands) in GROUPS.items() for c in commands}
    return set(COMMANDS) | groups


def test_no_command_is_left_out() -> None:
    lines = [*OF_A_UNIVERSE, *OTHER]
    crossed = {c for c in every_command() for line in lines if f"{line} ".startswith(f"{c} ")}
    assert crossed | set(ELSEWHERE) == every_command()
    assert not crossed & set(ELSEWHERE)


# --- states --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Output:
    code: int
    out: str
    err: str


def written(*words: str, encoding: str = "ascii") -> Output:
    """What a command writes to a terminal of that encoding."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding, "strict"))
        patch.setattr(sys, "stdin", io.StringIO("a password of some words\n"))
        fit_streams()
        code = run(list(words))
        texts = [stream.buffer for stream in (sys.stdout, sys.stderr) if not stream.flush()]
        return Output(code, *(b.getvalue().decode("latin-1") for b in texts))  # type: ignore[attr-defined]


def fill(home: Path) -> None:
    """A universe without members, one with names from everywhere; days alone, minutes alone."""
    for words in (
        (
            "universe",
            "set",
            "stock_universe:tokyo",
            "AAPL",
            "TQX",
            "--name",
            "東京 Société ▁▂",
            "--yes",
        ),
        ("universe", "set", "stock_universe:none", "AAPL", "--yes"),
        ("universe", "remove", "stock_universe:none", "AAPL", "--allow", "none", "--yes"),
        ("load", "{AAPL}", "--from", "2012-01-03", "--to", "2012-03-30"),
        ("load", "{TQX}", "--from", "2025-03-03", "--to", "2025-03-04", "--timeframes", "1min"),
    ):
        done = written(*words, "--home", str(home), encoding="utf-8")
        assert done.code in (0, 3), done


def leave(home: Path) -> None:
    """Nothing at all."""


@pytest.fixture(scope="module")
def states(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """A database of each state, to be cloned."""
    makers: dict[str, Callable[[Path], None]] = {"nothing": leave, "filled": fill}
    made = {state: cluster.create(template) for state in makers}
    for state, make in makers.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URI", cluster.uri(made[state]))
            patch.setenv("TICKSTOCK_VENDOR", "replay")
            make(tmp_path_factory.mktemp("home"))
    yield made
    for name in made.values():
        cluster.drop(name)


@pytest.fixture(params=["nothing", "filled"])
def someone(
    request: pytest.FixtureRequest,
    states: dict[str, str],
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Path]:
    name = cluster.create(states[request.param])
    monkeypatch.setenv("DATABASE_URI", cluster.uri(name))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "massive")
    monkeypatch.delenv("MASSIVE_API_KEY", raising=False)
    yield tmp_path
    cluster.drop(name)


def crossed(line: str, home: Path, number: int, universe: str = "") -> list[str]:
    places = {"U": universe, "FOLDER": str(home / f"set{number}"), "NO_FILE": str(home / "none")}
    return [*(places.get(word, word) for word in line.split()), "--home", str(home)]


def cases() -> Iterator[tuple[str, str]]:
    """A command and the universe in it."""
    for number, line in enumerate(OF_A_UNIVERSE):
        for universe in (*HARD, NAMED[number % len(NAMED)]):
            yield line, universe
    yield from ((line, "") for line in OTHER)


def test_every_command_answers(someone: Path) -> None:
    wrong = []
    for number, (line, universe) in enumerate(cases()):
        # An odd number of universes for each command: each is met in both forms.
        as_json = number % 2 == 1
        found = written(*crossed(line, someone, number, universe), *["--json"] * as_json)
        told = (line, universe, found)
        if found.code not in EXITS or INSIDE in found.err or "Traceback" in found.err:
            wrong.append(told)
        if as_json and found.code == 0 and found.out and not is_document(found.out):
            wrong.append(told)
    assert not wrong


def is_document(text: str) -> bool:
    try:
        return json.loads(text) is not None
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("universe", "code", "told"),
    [
        ("{TQX}", 0, ["no day bars stored of TQX", "check them with --timeframe 1min"]),
        ("{AAPL, NOPE}", 0, ["no day bars stored of NOPE", "of 1 symbol (day): sound"]),
        ("{NOPE}", 0, ["no day bars stored of NOPE", "0 bars of 0 symbols (day): sound"]),
        ("stock_universe:none", 1, ["stock_universe:none holds no symbol"]),
    ],
)
@pytest.mark.parametrize("someone", ["filled"], indirect=True)
def test_verify_says_what_there_is_to_check(
    someone: Path, universe: str, code: int, told: list[str]
) -> None:
    found = written("verify", universe, "--home", str(someone))
    assert found.code == code, found
    for text in told:
        assert text in found.out + found.err
