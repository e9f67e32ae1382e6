"""Commands read bars that were sealed as they read them before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.s3_kit import S3Server
from tickstock import extras
from tickstock.cli.app import run

SPAN = ("--from", "2025-01-30", "--to", "2025-02-04")


@dataclass
class Sealer:
    """Somebody at a command line with minute bars of two symbols."""

    home: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        assert run([*words, "--home", str(self.home)]) == code, self.capture.readouterr()
        return self.capture.readouterr().out

    @property
    def files(self) -> list[Path]:
        return sorted((self.home / "sealed").glob("*.parquet"))


@pytest.fixture
def sealer(
    cluster: Cluster,
    template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Sealer]:
    name = cluster.create(template)
    monkeypatch.setenv("DATABASE_URI", cluster.uri(name))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")
    found = Sealer(tmp_path / "home", capsys)
    found("load", "{SA, SB}", *SPAN, "--timeframes", "1min")
    yield found
    cluster.drop(name)


def looks(sealer: Sealer, frame: str = "1min") -> list[str]:
    asked = ("{SA, SB}", "--timeframe", frame)
    return [
        sealer("bars", *asked, *SPAN, "--format", "csv"),
        sealer("bars", *asked, *SPAN, "--format", "csv", "--known-at", "2100-01-01T00:00:00Z"),
        sealer("coverage", *asked, *SPAN),
        sealer("verify", *asked),
        sealer("missing", "{SA, SB}", *SPAN, "--timeframes", frame),
    ]


def test_what_is_sealed_is_read_as_before(
    sealer: Sealer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = looks(sealer)
    assert "sound" in before[3]
    assert "has no minute bars of before 2025-01" in sealer("files", "seal", "--before", "2025-01")
    out = sealer("files", "seal", "--before", "2025-03")
    assert "2025-01: 1,560 bars of 2 symbols" in out
    assert "2025-02" in out
    assert looks(sealer) == before
    assert "2025-01  1,560 bars of 2 symbols in 1 file" in sealer("files", "sealed")
    assert "2 sealed files with 3,120 minute bars: all are whole." in sealer("files", "verify")
    assert "all that are named are there" in sealer("doctor", code=1)  # for other things
    sealer("export", "{SA, SB}", str(tmp_path / "out"), *SPAN, "--timeframe", "1min")
    sealer("verify", "--folder", str(tmp_path / "out"), "--against-database")
    dump = str(tmp_path / "x.dump")
    assert "Not in it: 3,120 minute bars in 2 sealed files" in sealer(
        "db", "backup", dump, "--prove"
    )
    again = sealer("load", "{SA, SB}", *SPAN, "--timeframes", "1min", "--refresh", "--json")
    found = json.loads(again)["data"]
    assert (found["bars_new"], found["bars_changed"]) == (0, 0)
    assert found["calls"]
    assert looks(sealer) == before, "what came again was the same"
    assert "3,120 bars of 2 months are in" in sealer("files", "unseal", "2025-01", "2025-02")
    assert looks(sealer) == before


def test_hours_are_sealed_where_they_are_asked_for(sealer: Sealer, tmp_path: Path) -> None:
    sealer("load", "{SA, SB}", *SPAN, "--timeframes", "hour")
    before = looks(sealer, "hour"), looks(sealer)
    sealer("files", "seal", "--before", "2025-02")
    assert [file.name[:16] for file in sealer.files] == ["minutes-2025-01-"], "as before hours were"
    hours = ("--timeframes", "hour")
    sealer("files", "unseal", "2025-01", *hours, code=2)
    out = sealer("files", "seal", "--before", "2025-03", *hours)
    assert "hour 2025-01: 28 bars of 2 symbols" in out
    assert "gives its space back later" not in out
    assert "The database keeps the space of these hours, for hour bars to come." in out
    assert {file.name[:14] for file in sealer.files} == {
        "minutes-2025-0", "hours-2025-01-", "hours-2025-02-"
    }  # fmt: skip
    assert (looks(sealer, "hour"), looks(sealer)) == before
    listed = sealer("files", "sealed").splitlines()
    assert [line[:15].split() for line in listed[:3]] == [
        ["1min", "2025-01"], ["hour", "2025-01"], ["hour", "2025-02"]
    ]  # fmt: skip
    months = json.loads(sealer("files", "sealed", "--json"))["data"]["months"]
    assert [month["timeframe"] for month in months] == ["1min", "hour", "hour"]
    found = "3 sealed files with 1,560 minute bars and 56 hour bars"
    assert f"{found}: all are whole." in sealer("files", "verify")
    checked = json.loads(sealer("files", "verify", "--json"))["data"]["sealed"]
    assert checked["by_timeframe"] == {"1min": 1560, "hour": 56}
    said = "Not in it: 1,560 minute bars and 56 hour bars in 3 sealed files"
    assert said in sealer("db", "backup", str(tmp_path / "x.dump"), "--prove")
    sealer("export", "{SA, SB}", str(tmp_path / "out"), *SPAN, "--timeframe", "hour")
    sealer("verify", "--folder", str(tmp_path / "out"), "--against-database")
    again = sealer("load", "{SA, SB}", *SPAN, *hours, "--refresh", "--json")
    changes = json.loads(again)["data"]
    assert (changes["bars_new"], changes["bars_changed"]) == (0, 0)
    nothing = sealer("files", "seal", "--before", "2025-02", "--timeframes", "hour,1min")
    assert "no minute and hour bars of before 2025-02" in nothing
    for file in sealer.files:
        file.rename(file.with_suffix(".away"))
    assert "3 files of minute and hour bars not in" in sealer("doctor", code=1)
    for file in (sealer.home / "sealed").glob("*.away"):
        file.rename(file.with_suffix(".parquet"))
    assert "56 bars of 2 months are in" in sealer("files", "unseal", "2025-01", "2025-02", *hours)
    assert (looks(sealer, "hour"), looks(sealer)) == before
    assert "1min  2025-01  1,560 bars" in sealer("files", "sealed")


@pytest.mark.parametrize(("frame", "other"), [("1min", "hour"), ("hour", "1min")])
def test_a_month_that_a_job_still_asks_for_stays(sealer: Sealer, frame: str, other: str) -> None:
    sealer("load", "{SA, SB}", *SPAN, "--timeframes", "hour")
    before, frames = looks(sealer, frame), ("--timeframes", frame)
    sealer("load", "{SA, SB}", *SPAN, *frames, "--refresh", "--background")
    (job,) = json.loads(sealer("jobs", "list", "--json", "--state", "submitted"))["data"]
    out = sealer("files", "seal", "--before", "2025-03", *frames, code=1)
    bars = "Minute bars of " if frame == "1min" else "Hour bars of "
    assert out.count(f"stays: {bars}") == 2, out
    assert out.count(f"are still asked for by {job['load'][:8]}") == 2, out
    assert sealer.files == []
    sealer("files", "seal", "--before", "2025-03", "--timeframes", other)
    sealer("jobs", "cancel", job["load"][:8])
    out = sealer("files", "seal", "--before", "2025-03", *frames)
    assert f"{frame} 2025-01: {'1,560' if frame == '1min' else 28} bars of 2 symbols" in out
    assert looks(sealer, frame) == before


def test_a_lacking_file_is_told_everywhere(sealer: Sealer) -> None:
    before = looks(sealer)
    sealer("files", "seal", "--before", "2025-02")
    (file,) = sealer.files
    file.rename(file.with_suffix(".away"))
    minutes = ("{SA, SB}", "--timeframe", "1min")
    sealer("bars", *minutes, *SPAN, code=2)
    out = sealer("verify", *minutes, code=1)
    assert f"damaged: SA: The sealed file {file} is not there" in out
    assert "its bars are gone" not in out
    assert "no minute bars stored" not in out
    assert f"{file} is not there" in sealer("files", "verify", code=1)
    assert "1 file of minute bars not in" in sealer("doctor", code=1)
    sealer("files", "unseal", "2025-01", code=2)
    assert "Given up: 2 months of a symbol." in sealer("files", "unseal", "2025-01", "--lost")
    sealer("load", "{SA, SB}", *SPAN, "--timeframes", "1min")
    assert looks(sealer)[0] == before[0]
    assert "sound" in sealer("verify", *minutes)


def test_a_folder_that_is_away_is_told_everywhere_and_nothing_is_given_up(sealer: Sealer) -> None:
    before = looks(sealer)
    sealer("files", "seal", "--before", "2025-02")
    (file,) = sealer.files
    away = file.parent.rename(file.parent.with_name("away"))
    minutes = ("{SA, SB}", "--timeframe", "1min")
    said = f"{file} cannot be got at: the folder is not there"
    sealer("bars", *minutes, *SPAN, code=2)
    assert f"damaged: SA: The sealed file {said}" in sealer("verify", *minutes, code=1)
    assert said in sealer("files", "verify", code=1)
    assert "1 file of minute bars not in" in sealer("doctor", code=1)
    sealer("files", "unseal", "2025-01", "--lost", code=2)
    away.rename(file.parent)
    assert looks(sealer) == before


def test_in_a_bucket(sealer: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, minutes = looks(sealer), ("{SA, SB}", "--timeframe", "1min")
    with S3Server(bucket="mine").running() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TICKSTOCK_SEALED_FILES", "s3://mine/minutes")
        monkeypatch.setenv("TICKSTOCK_S3_ENDPOINT", server.url)
        sealer("files", "seal", "--before", "2025-03")
        assert looks(sealer) == before
        assert "in s3://mine/minutes" in sealer("files", "sealed")
        assert "all that are named are there" in sealer("doctor", code=1)  # for other things
        dump = str(tmp_path / "x.dump")
        assert "Copy s3://mine/minutes as well" in sealer("db", "backup", dump, "--prove")
        assert len(server.objects) == 2
        server.bucket = "another"
        said = "cannot be got at: the bucket has no such folder"
        sealer("bars", *minutes, *SPAN, code=2)
        assert said in sealer("verify", *minutes, code=1)
        server.bucket = "mine"
    # Now nobody answers.
    sealer("bars", *minutes, *SPAN, code=1)
    assert sealer("verify", *minutes, code=1) == "", "an error, and no damage"
    assert "2 files of minute bars not in s3://mine/minutes" in sealer("doctor", code=1)
    assert not list(sealer.home.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("files", "seal", "--before", "2025-13"), "is no month"),
        (("files", "seal", "--before", "January"), "is no month"),
        (("files", "seal", "--before", "2999-01"), "not closed yet"),
        (
            ("files", "seal", "--before", "2025-03", "--timeframes", "day"),
            "Day bars are not sealed",
        ),
        (("files", "seal", "--before", "2025-03", "--timeframes", "2min"), "is not a timeframe"),
        (("files", "unseal", "2024-01"), "2024-01 is not sealed"),
        (("files", "unseal", "2024-01", "--timeframes", "hour"), "not sealed (hour bars)"),
        (("files", "unseal"), "No month was named"),
    ],
)
def test_what_cannot_be_sealed_is_said(
    sealer: Sealer, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run([*words, "--home", str(sealer.home)]) == 2
    assert said in capsys.readouterr().err


def test_without_pyarrow_a_sentence_says_what_to_install(
    sealer: Sealer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer("files", "seal", "--before", "2025-02")
    found = extras.is_installed
    monkeypatch.setattr(extras, "is_installed", lambda m: "pyarrow" not in m and found(m))
    for words in (
        ("files", "seal", "--before", "2025-03"),
        ("bars", "{SA}", "--timeframe", "1min", *SPAN),
    ):
        assert run([*words, "--home", str(sealer.home)]) == 2
        assert "This needs the Python package pyarrow" in capsys.readouterr().err
    assert json.loads(sealer("files", "sealed", "--json"))["data"]["months"]
