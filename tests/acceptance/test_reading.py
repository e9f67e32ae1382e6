"""Reading from the command line: adjusted, as of a moment, as frames, exported, verified."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import psycopg
import pyarrow as pa
import pytest

from tests.kit import day, span
from tickstock.cli.app import run
from tickstock.cli.holdings import moment
from tickstock.errors import BadDates, BadInput
from tickstock.model import Timeframe
from tickstock.service import TickStock, receipts

WINTER = ("--from", "2005-02-24", "--to", "2005-03-01")


@dataclass
class Shell:
    """The command line on a database with the shipped bars of AAPL and MSFT."""

    uri: str
    home: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        assert run([*words, "--home", str(self.home)]) == code, self.capture.readouterr().err
        return self.capture.readouterr().out

    def query(self, text: str) -> None:
        with psycopg.connect(self.uri, autocommit=True) as conn:
            conn.execute(text)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def filled(cluster, template, tmp_path_factory) -> Iterator[tuple[str, Path]]:  # type: ignore[no-untyped-def]
    """One loaded database, cloned for each test."""
    home = tmp_path_factory.mktemp("home")
    name = cluster.create(template)
    environ = {"DATABASE_URI": cluster.uri(name), "TICKSTOCK_VENDOR": "replay"}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environ.items():
            patch.setenv(key, value)
        years = ["--from", "2000-03-01", "--to", "2005-12-30"]
        assert run(["load", "{AAPL, MSFT}", *years, "--home", str(home)]) == 0
    yield name, home
    cluster.drop(name)


@pytest.fixture
def shell(  # type: ignore[no-untyped-def]
    filled, cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    name = cluster.create(filled[0])
    monkeypatch.setenv("DATABASE_URI", cluster.uri(name))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "replay")
    yield Shell(cluster.uri(name), filled[1], capsys)
    cluster.drop(name)


def closes(csv: str) -> list[float]:
    return [float(line.split(",")[5]) for line in csv.splitlines()[1:]]


def test_bars_are_split_adjusted_unless_told_otherwise(shell: Shell) -> None:
    ask = ("bars", "{AAPL}", *WINTER, "--format", "csv")
    assert closes(shell(*ask)) == [44.465, 44.495, 44.86, 44.5]
    assert closes(shell(*ask, "--adjust", "raw")) == [88.93, 88.99, 44.86, 44.5]
    assert closes(shell(*ask, "--adjust", "total")) == closes(shell(*ask))
    week = shell("bars", "{AAPL}", *WINTER, "--format", "csv", "--timeframe", "week")
    assert closes(week) == [44.495, 44.5]


def test_bars_whose_splits_nobody_asked_for_are_named(shell: Shell, tmp_path: Path) -> None:
    shell.query("DELETE FROM tickstock.actions_known WHERE kind = 'splits'")
    shell("bars", "{AAPL, MSFT}", *WINTER, "--adjust", "raw")
    assert run(["bars", "{AAPL, MSFT}", *WINTER, "--home", str(shell.home)]) == 0
    told = "Splits were never asked for, bars are as printed: AAPL, MSFT"
    assert told in shell.capture.readouterr().err
    assert exported(shell, tmp_path / "set")["unadjusted"] == ["AAPL", "MSFT"]


def test_bars_as_known_at_a_moment(shell: Shell) -> None:
    ask = ("bars", "{AAPL}", *WINTER, "--format", "csv")
    assert closes(shell(*ask, "--known-at", "2020-01-01")) == []
    assert closes(shell(*ask, "--known-at", "2100-01-01T00:00:00Z")) == closes(shell(*ask))
    shell(*ask, "--known-at", "yesterday", code=2)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31", datetime(2026, 2, 1, 5, tzinfo=UTC)),
        ("2026-01-31T14:30", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
        ("2026-01-31T14:30:00-05:00", datetime(2026, 1, 31, 19, 30, tzinfo=UTC)),
    ],
)
def test_moments(text: str, instant: datetime) -> None:
    assert moment(text) == instant
    with pytest.raises(BadDates):
        moment(text + "x")


def test_bars_as_parquet_and_arrow(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form, read in (
        ("parquet", pl.read_parquet),
        ("arrow", lambda f: pl.from_arrow(pa.ipc.open_stream(f).read_all())),
    ):
        file = tmp_path / form
        with file.open("w") as out, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            words = ["bars", "{AAPL}", *WINTER, "--format", form]
            assert run([*words, "--home", str(shell.home)]) == 0
        assert read(file)["close"].to_list() == [44.465, 44.495, 44.86, 44.5]


def test_frames_from_python(shell: Shell) -> None:
    from tickstock.config import read_settings

    with TickStock.open(read_settings(home=shell.home)) as tick:
        frame = tick.holdings.frame(["AAPL", "MSFT"], span=span("2005-02-24", "2005-03-01"))
        assert frame.filter(pl.col("symbol") == "AAPL")["close"].to_list() == [
            44.465, 44.495, 44.86, 44.5,
        ]  # fmt: skip
        assert tick.holdings.frame(["AAPL"], Timeframe.MONTH, kind="pandas").shape == (70, 9)


# --- export ---------------------------------------------------------------------------------
def exported(shell: Shell, folder: Path, *more: str) -> dict[str, object]:
    shell("export", "{AAPL, MSFT}", str(folder), *more)
    found: dict[str, object] = json.loads((folder / "manifest.json").read_text())
    return found


def test_an_exported_folder_says_what_it_holds(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    made = exported(shell, folder)
    assert made["bars"] == 2 * 1468
    assert made["symbols"] == ["AAPL", "MSFT"]
    assert (made["universe"], made["adjust"], made["timeframe"]) == (
        "{AAPL, MSFT}", "splits", "day",
    )  # fmt: skip
    files = sorted(str(f.relative_to(folder)) for f in folder.rglob("*.parquet"))
    assert files == [f"timeframe=day/year={y}/bars.parquet" for y in range(2000, 2006)]
    data = pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=True)
    one = data.filter(pl.col("symbol") == "AAPL", pl.col("year") == 2005).collect()
    assert one["date"][0] == day("2005-01-03")
    assert one.height == 252
    assert "equal to the manifest" in shell("verify", "--folder", str(folder))


def test_the_same_again_gives_the_same(shell: Shell, tmp_path: Path) -> None:
    first = exported(shell, tmp_path / "one")
    second = exported(shell, tmp_path / "two", "--known-at", str(first["as_of"]))
    assert second == first


@pytest.mark.parametrize("timeframe", ["week", "month"])
def test_derived_bars_are_each_in_one_file(shell: Shell, tmp_path: Path, timeframe: str) -> None:
    folder = tmp_path / "set"
    exported(shell, folder, "--timeframe", timeframe, "--from", "2001-12-20", "--to", "2004-01-06")
    got = pl.read_parquet(folder / "**/*.parquet").filter(pl.col("symbol") == "AAPL")
    whole = shell("bars", "{AAPL}", "--timeframe", timeframe, "--from", "2001-12-20",
                  "--to", "2004-01-06", "--format", "csv")  # fmt: skip
    assert got.sort("date")["close"].to_list() == closes(whole)
    shell("verify", "--folder", str(folder), "--against-database")


def test_what_differs_is_told(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    exported(shell, folder)
    (folder / "timeframe=day/year=2000/bars.parquet").unlink()
    changed = folder / "timeframe=day/year=2001/bars.parquet"
    frame = pl.read_parquet(changed)
    frame.with_columns(close=pl.col("close") + 0.01).write_parquet(changed)
    again = folder / "timeframe=day/year=2002/bars.parquet"
    pl.read_parquet(again).write_parquet(again)
    (folder / "timeframe=day/year=2003/bars.parquet").write_bytes(b"PAR1 no more")
    (folder / "timeframe=day/year=2003/more.parquet").write_bytes(b"")
    told = shell("verify", "--folder", str(folder), code=1).splitlines()
    assert [line.partition("timeframe=day/year=")[2] for line in told[:5]] == [
        "2000/bars.parquet is missing",
        "2001/bars.parquet holds other bars: 496 now, 496 in the manifest",
        "2002/bars.parquet was written anew; its bars are the same",
        "2003/bars.parquet is damaged: it cannot be read as bars",
        "2003/more.parquet is not in the manifest",
    ]


def test_another_database_that_differs_is_told(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    exported(shell, folder)
    both = ("verify", "--folder", str(folder), "--against-database")
    assert "and to the bars stored here" in shell(*both)
    shell.query("UPDATE tickstock.bars_day SET close = close + 1 WHERE at = '2004-07-01'")
    told = shell(*both, "--json", code=1)
    (difference,) = json.loads(told)["data"]["differences"]
    assert difference["path"] == "timeframe=day/year=2004/bars.parquet"


def test_a_folder_that_is_not_ours_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    shell("export", "{AAPL}", str(tmp_path), code=2)
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.txt"]
    shell("verify", "--folder", str(tmp_path), code=2)


@pytest.mark.parametrize(
    "manifest",
    ["", "[]", "{}", '{"schema": "other/1"}'],
)
def test_a_manifest_that_is_none(shell: Shell, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    shell("verify", "--folder", str(tmp_path), code=2)


def test_a_manifest_cannot_lead_out_of_its_folder(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    made = exported(shell, folder)
    made["files"][0]["path"] = "../../etc/passwd"  # type: ignore[index]
    (folder / "manifest.json").write_text(json.dumps(made))
    assert "leads out of the folder" in shell("verify", "--folder", str(folder), code=1)


def test_without_the_extra_the_way_to_it_is_told(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run(["export", "{AAPL}", str(tmp_path / "x"), "--home", str(shell.home)]) == 2
    said = shell.capture.readouterr().err
    assert "needs the Python package pyarrow, which is not installed" in said
    assert "tickstock[" not in said
    assert not (tmp_path / "x").exists()
    assert issubclass(BadDates, BadInput)


# --- receipts -------------------------------------------------------------------------------
def test_a_receipt_has_the_hash_that_verify_has(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(shell("verify", "{AAPL, MSFT}", "--json"))["data"]["content"]
    for number, at_once in enumerate((1, 500)):
        monkeypatch.setitem(receipts.AT_ONCE, Timeframe.DAY, at_once)
        file = tmp_path / f"{number}.md"
        # The same bars, whatever the order in which they are asked for.
        shell("coverage", "{MSFT, AAPL}", "--receipt", str(file))
        text = file.read_text("utf-8")
        assert f"sha256:{content} of 2,936 bars, raw" in text
        assert "2,936 of" in text
    drawn = tmp_path / "picture.svg"
    shell(
        "coverage", "{AAPL}", "--from", "2004-01-01", "--to", "2004-12-31", "--receipt", str(drawn)
    )
    assert "252 of 252 sessions held" in drawn.read_text("utf-8")
    painted = tmp_path / "picture.png"
    shell("coverage", "{AAPL}", "--receipt", str(painted))
    assert painted.read_bytes().startswith(b"\x89PNG")
    # Another bar, another hash.
    shell.query("UPDATE tickstock.bars_day SET close = close * 1.001 WHERE at = '2004-07-01'")
    shell("coverage", "{MSFT, AAPL}", "--receipt", str(tmp_path / "other.md"))
    assert content not in (tmp_path / "other.md").read_text("utf-8")


def test_a_receipt_is_a_new_file_in_a_form_that_there_is(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "kept.md"
    file.write_text("kept")
    for name in ("kept.md", "picture.gif", "nowhere/x.md"):
        shell("coverage", "{AAPL}", "--receipt", str(tmp_path / name), code=2)
    assert [f.name for f in tmp_path.iterdir()] == ["kept.md"]
    assert file.read_text() == "kept"


# --- verify ---------------------------------------------------------------------------------
def test_sound_bars(shell: Shell) -> None:
    told = shell("verify", "{AAPL, MSFT}")
    assert "2,936 bars of 2 symbols (day): sound" in told
    assert "AAPL 2000-09-29  unexplained jump" in told


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM tickstock.bars_day WHERE at = '2004-07-01'", "1 sessions count as held and"),
        ("UPDATE tickstock.coverage SET bars = bars + 7", "1475 bars are counted, and 1468"),
        (
            "UPDATE tickstock.coverage SET held = held - '{[2004-07-01,2004-07-03)}'",
            "2 days have bars and do not count as held, the first 2004-07-01",
        ),
        ("UPDATE tickstock.coverage SET first_at = '1999-01-04Z'", "the first bar is noted as of"),
        ("UPDATE tickstock.bars_day SET low = -1 WHERE at = '2004-07-01'", "1 bars cannot be true"),
    ],
)
def test_damaged_bars_are_told_and_left_as_they_are(shell: Shell, damage: str, told: str) -> None:
    shell.query(damage)
    found = json.loads(shell("verify", "{AAPL}", "--json", code=1))["data"]
    assert any(told in d["what"] for d in found["damages"]), found["damages"]
    assert found["damages"][0]["do"] == (
        "Load it again: tickstock load '{AAPL}' --for all --refresh"
    )


def test_a_changed_bar_is_told_with_its_day_until_it_is_accepted(shell: Shell) -> None:
    shell.query("UPDATE tickstock.bars_day SET close = close * 1.001 WHERE at = '2004-07-01'")
    told = shell("verify", "{AAPL, MSFT}", code=1)
    assert "damaged: AAPL: 2004-07-01: its bars are not those that were written" in told
    assert "2,936 bars of 2 symbols (day): 2 damages" in told
    assert run(["verify", "{AAPL}", "--accept", "--home", str(shell.home)]) == 0
    said = shell.capture.readouterr()
    assert "taken as they are now: 1 day of bars, 0 jobs" in said.err
    assert "1,468 bars of 1 symbol (day): sound" in said.out
    (left,) = json.loads(shell("verify", "{AAPL, MSFT}", "--json", code=1))["data"]["damages"]
    assert (left["symbol"], left["day"]) == ("MSFT", "2004-07-01")


def test_counts_that_are_wrong_are_put_right_when_bars_are_accepted(shell: Shell) -> None:
    shell.query("UPDATE tickstock.coverage SET bars = 3, first_at = now(), updated_at = now()")
    assert len(json.loads(shell("verify", "{AAPL}", "--json", code=1))["data"]["damages"]) == 3
    assert shell("verify", "{AAPL}", "--accept").splitlines()[-2].endswith("splits and dividends")


def test_what_was_stored_before_checksums_is_unknown_not_sound(shell: Shell) -> None:
    shell.query("DELETE FROM tickstock.bar_checksums")
    shell.query(
        "INSERT INTO tickstock.bar_checksums (timeframe, instruments, unknown)"
        " SELECT timeframe, array_agg(instrument_id), held FROM tickstock.coverage GROUP BY 1, 3"
    )
    shell.query("UPDATE tickstock.loads SET checksum = NULL")
    told = shell("verify", "{AAPL}")
    assert "unknown: bars of 1,468 days (1 symbol) were written before checksums were kept" in told
    assert "unknown: 1 job ended before checksums were kept" in told
    assert "tickstock verify '{AAPL}' --accept" in told
    assert "(day): nothing found damaged, " in told
    assert "(day): sound, " in shell("verify", "{AAPL}", "--accept")
    shell.query("UPDATE tickstock.bars_day SET volume = 1 WHERE at = '2004-07-01'")
    shell("verify", "{AAPL}", code=1)
    assert "unknown: bars of 1,468 days" in shell("verify", "{MSFT}")


def test_a_job_that_somebody_changed_is_told(shell: Shell) -> None:
    shell.query("UPDATE tickstock.calls SET rows_new = rows_new + 1 WHERE symbol = 'AAPL'")
    told = shell("verify", "{MSFT}", code=1)
    assert "is not as it was when it ended" in told
    assert "tickstock jobs show" in told
    assert shell("verify", "{MSFT}", "--accept").splitlines()[-2].count("sound") == 1


def test_accepting_is_of_stored_bars(shell: Shell, tmp_path: Path) -> None:
    shell("verify", "--folder", str(tmp_path), "--accept", code=2)


@pytest.mark.parametrize("compared", [1, 2])
def test_instruments_are_compared_in_parts_of_any_size(shell: Shell, compared: int) -> None:
    shell.query("UPDATE tickstock.bars_day SET low = low - 0.01 WHERE at = '2004-07-01'")
    from tickstock.config import read_settings

    with TickStock.open(read_settings(home=shell.home)) as tick:
        found = tick.verify.stored(["AAPL", "MSFT"], compared=compared)
        assert found == tick.verify.stored(["AAPL", "MSFT"])
        assert [(d.symbol, d.day) for d in found.damages] == [
            (symbol, day("2004-07-01")) for symbol in ("AAPL", "MSFT")
        ]


def test_two_databases_are_compared_by_their_hashes(shell: Shell) -> None:
    ask = ("verify", "{AAPL, MSFT}", "--json")
    first = json.loads(shell(*ask))["data"]
    assert json.loads(shell(*ask))["data"] == first
    shell.query(
        "UPDATE tickstock.bars_day SET volume = volume + 1 WHERE at = '2004-07-01' AND"
        " instrument_id = (SELECT id FROM tickstock.instruments WHERE symbol = 'MSFT')"
    )
    second = json.loads(shell(*ask, code=1))["data"]
    assert second["hashes"][0] == first["hashes"][0]
    assert second["hashes"][1] != first["hashes"][1]
    assert second["content"] != first["content"]


@pytest.fixture
def plan() -> Callable[[str], list[str]]:
    return lambda text: [line.strip() for line in text.splitlines() if "splits of" in line]


def test_a_plan_shows_what_else_is_asked(shell: Shell, plan: Callable[[str], list[str]]) -> None:
    fresh = plan(shell("plan", "{AAPL, SPY}", "--for", "1y"))
    assert fresh == ["and        splits of SPY since ever"]
    assert plan(shell("plan", "{AAPL}", "--for", "1y")) == []


def test_revisions_are_told(shell: Shell) -> None:
    assert shell("revisions", "{AAPL}") == ""
    shell.query(
        "INSERT INTO tickstock.bar_revisions (instrument_id, timeframe, at, open, high, low, close,"
        " volume) SELECT instrument_id, 'day', at::timestamp AT TIME ZONE 'UTC', open, high, low,"
        " close + 1, volume FROM tickstock.bars_day WHERE at = '2004-07-01'"
    )
    told = shell("revisions", "{AAPL}")
    assert told.startswith("AAPL     2004-07-01  close 33.3 → 32.3  20")
    (found,) = json.loads(shell("revisions", "{AAPL}", "--json"))["data"]
    assert (found["old"]["close"], found["new"]["close"]) == (33.3, 32.3)
    assert shell("revisions", "{AAPL}", "--since", "2100-01-01") == ""
