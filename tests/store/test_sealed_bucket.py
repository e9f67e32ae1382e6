"""Sealed files in a bucket: as in a folder, and a server that is away is no file that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.moment import handed_on
from tests.s3_kit import S3Server
from tests.store.test_bar_history import ids_of, write
from tests.store.test_sealing import (
    MINUTE,
    MOMENTS,
    MONTHS,
    SEALS,
    SYMBOLS,
    all_closes,
    both,
    plain,
    play,
    some_bars,
)
from tickstock import sealed_bucket
from tickstock.errors import BadFile, BadSetting, Conflict, TickStockError, Transient
from tickstock.sealed_bucket import bucket_at, place_at
from tickstock.store import sealing
from tickstock.store.database import Database

__all__ = ["both", "plain"]


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    with S3Server(bucket="mine").running() as found, pytest.MonkeyPatch.context() as patched:
        for name, value in found.environ.items():
            patched.setenv(name, value)
        patched.setattr(sealed_bucket, "ATTEMPTS", 1)
        yield found


@pytest.fixture
def s3(running: S3Server, database: Database) -> Iterator[S3Server]:
    """A server with an empty bucket, in which the database has its files."""
    database.sealed_files = bucket_at("s3://mine/bars/of a month", running.url)
    yield running
    running.objects.clear()
    running.refused.clear()
    running.broken.clear()
    running.bucket = "mine"


def key_of(s3: S3Server) -> str:
    (key,) = (key for key in s3.objects if key.endswith(".parquet"))
    assert key.startswith("bars/of a month/minutes-2024-01-")
    return key


@pytest.fixture
def sealed(database: Database, s3: S3Server) -> list[int]:
    """The instruments whose bars of January are in a file."""
    ids = ids_of(database, *SYMBOLS)
    write(database, MINUTE, some_bars(ids))
    assert sealing.seal(database, MINUTE, MONTHS[0], **SEALS).bars == 10 * len(ids)
    assert key_of(s3)
    return ids


def test_a_month_goes_there_and_back(database: Database, s3: S3Server, sealed: list[int]) -> None:
    expected = some_bars(sealed)
    assert all_closes(database, MINUTE, sealed) == expected
    write(database, MINUTE, {(sealed[0], MOMENTS[0]): 5.0})
    expected[sealed[0], MOMENTS[0]] = 5.0
    assert all_closes(database, MINUTE, sealed) == expected
    sealing.seal(database, MINUTE, MONTHS[0], **SEALS)
    assert all_closes(database, MINUTE, sealed) == expected
    assert sealing.unnamed(database) == []
    assert [one.what for one in sealing.check(database)] == ["", ""]
    assert sealing.unseal(database, MINUTE, MONTHS[0]) == (10 * len(sealed), 0)
    s3.objects.clear()
    assert all_closes(database, MINUTE, sealed) == expected


def test_of_an_instrument_few_requests_are_made(
    database: Database, s3: S3Server, sealed: list[int]
) -> None:
    """Where it is, what is in it, and its row group, all columns at once."""
    before = len(s3.requests)
    assert len(all_closes(database, MINUTE, sealed[2:3])) == len(MOMENTS)
    assert [request.method for request in s3.requests[before:]] == ["HEAD", "GET", "GET"]


@pytest.mark.parametrize("seed", range(2))
def test_in_any_order_it_is_not_noticed(
    both: tuple[Database, Database], s3: S3Server, seed: int
) -> None:
    both[0].sealed_files = bucket_at("s3://mine", s3.url)  # and in the bucket itself
    sealed, _ = play(both, seed)
    assert sealed


def remove(s3: S3Server, key: str) -> None:
    del s3.objects[key]
    s3.objects["bars/of a month/"] = b""


def cut(s3: S3Server, key: str) -> None:
    s3.objects[key] = s3.objects[key][:-9]


def turn(s3: S3Server, key: str) -> None:
    changed = bytearray(s3.objects[key])
    changed[len(changed) // 3] ^= 4
    s3.objects[key] = bytes(changed)


@pytest.mark.parametrize(
    ("spoil", "told", "seen"),
    [(remove, "is not there", "is not there"), (cut, "cannot be read", "has another size"),
     (turn, "minutes-2024-01", "")],
)  # fmt: skip
def test_what_is_gone_or_damaged_is_told_and_may_be_given_up(
    database: Database,
    s3: S3Server,
    sealed: list[int],
    spoil: Callable[[S3Server, str], None],
    told: str,
    seen: str,
) -> None:
    key = key_of(s3)
    spoil(s3, key)
    with pytest.raises(BadFile, match=told) as caught:
        all_closes(database, MINUTE, sealed)
    assert f"s3://mine/{key}" in str(caught.value)
    assert "--lost" in str(caught.value)
    assert [seen in one.what for one in sealing.lacking(database)] == [True] * bool(seen)
    assert [bool(one.what) for one in sealing.check(database)] == [True]
    brought, lost = sealing.unseal(database, MINUTE, MONTHS[0], is_lost=True)
    assert lost > 0
    assert brought == 10 * (len(sealed) - lost)


def refuse(s3: S3Server, key: str) -> None:
    s3.refused.add(key)


def break_off(s3: S3Server, key: str) -> None:
    s3.broken[key] = 503


def shorten(s3: S3Server, key: str) -> None:
    """The answer ends in the middle of the object."""
    s3.broken[key] = 200


def rename_bucket(s3: S3Server, _: str) -> None:
    s3.bucket = "another"


def lose_folder(s3: S3Server, _: str) -> None:
    s3.objects.clear()


def other_key(s3: S3Server, _: str) -> None:
    s3.key_id = "ANOTHER"


@pytest.mark.parametrize(
    ("trouble", "error"),
    [(refuse, BadSetting), (break_off, Transient), (shorten, Transient),
     (rename_bucket, BadSetting), (lose_folder, BadSetting), (other_key, BadSetting)],
)  # fmt: skip
def test_what_cannot_be_got_at_is_not_lost(
    database: Database,
    s3: S3Server,
    sealed: list[int],
    trouble: Callable[[S3Server, str], None],
    error: type[TickStockError],
) -> None:
    kept, key_id = dict(s3.objects), s3.key_id
    trouble(s3, key_of(s3))
    with pytest.raises(error):
        all_closes(database, MINUTE, sealed)
    with pytest.raises(error):
        sealing.unseal(database, MINUTE, MONTHS[0], is_lost=True)
    assert [bool(one.what) for one in sealing.check(database)] == [True]
    s3.refused.clear()
    s3.broken.clear()
    s3.objects, s3.bucket, s3.key_id = kept, "mine", key_id
    assert all_closes(database, MINUTE, sealed) == some_bars(sealed)


def test_nobody_answers(database: Database, s3: S3Server, sealed: list[int]) -> None:
    database.sealed_files = bucket_at("s3://mine/bars/of a month", "http://127.0.0.1:9")
    with pytest.raises(Transient, match=r"does not answer.*TICKSTOCK_S3_ENDPOINT"):
        all_closes(database, MINUTE, sealed)
    assert "does not answer" in sealing.lacking(database)[0].what


@pytest.mark.parametrize(("answer", "error"), [(403, BadSetting), (503, Transient)])
def test_what_cannot_be_written_stays_in_the_database(
    database: Database, s3: S3Server, answer: int, error: type[TickStockError]
) -> None:
    ids = ids_of(database, *SYMBOLS)
    write(database, MINUTE, some_bars(ids))
    s3.writes = answer
    try:
        with pytest.raises(error, match="cannot be written to s3://mine/bars/of a month"):
            sealing.seal(database, MINUTE, MONTHS[0], **SEALS)
    finally:
        s3.writes = 200
    assert all_closes(database, MINUTE, ids) == some_bars(ids)
    assert sealing.seal(database, MINUTE, MONTHS[0], **SEALS).bars == 10 * len(ids)


def test_what_is_not_what_was_written_leaves_nothing_there(
    database: Database, s3: S3Server
) -> None:
    ids = ids_of(database, *SYMBOLS)
    write(database, MINUTE, some_bars(ids))
    with psycopg.connect(database.conninfo) as conn:
        conn.execute(
            "UPDATE tickstock.bars_minute SET close = 3 WHERE instrument_id = %s", ids[-1:]
        )
    with pytest.raises(Conflict, match="differ from their checksums"):
        sealing.seal(database, MINUTE, MONTHS[0], **SEALS)
    assert not [key for key in s3.objects if key.endswith(".parquet")]
    assert not s3.parts, "no upload is left open"


KILLED = """
import sys
from pathlib import Path
from tickstock import failpoints
from tickstock.sealed_bucket import bucket_at
from tickstock.store import sealing
from tickstock.store.database import Database
from tests.store.test_sealing import MINUTE, MONTHS, SEALS
where = bucket_at("s3://mine/bars/of a month", sys.argv[2])
with Database.open(sys.argv[1], Path(), migrate=False, sealed_files=where) as database:
    failpoints.arm(sys.argv[3])
    sealing.seal(database, MINUTE, MONTHS[0], **SEALS)
"""


@pytest.mark.parametrize(
    ("point", "unnamed"), [("sealed_file.group@2", 0), ("sealed_file.written@1", 1),
                           ("seal.published@1", 1), ("seal.kept@1", 1), ("seal.committed@1", 0)]
)  # fmt: skip
def test_killed_anywhere_nothing_is_lost(
    database: Database, s3: S3Server, point: str, unnamed: int
) -> None:
    ids = ids_of(database, *SYMBOLS)
    write(database, MINUTE, some_bars(ids))
    command = [sys.executable, "-c", KILLED, database.conninfo, s3.url, f"{point}:kill"]
    done = subprocess.run(
        command, env=os.environ | handed_on(), cwd=Path.cwd(), timeout=120, check=False
    )
    assert done.returncode == -9
    assert all_closes(database, MINUTE, ids) == some_bars(ids)
    assert len(sealing.unnamed(database)) == unnamed
    if point != "seal.committed@1":
        sealing.seal(database, MINUTE, MONTHS[0], **SEALS)
    assert all_closes(database, MINUTE, ids) == some_bars(ids)


@pytest.mark.parametrize(
    "address", ["gs://mine/bars", "s3://", "s3:///bars", "s3://KEY:canary-secret@mine/bars",
                "s3://mine/bars?region=x"]
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(BadSetting, match="neither a folder nor") as caught:
        bucket_at(address, None)
    assert "canary" not in str(caught.value)


def test_addresses() -> None:
    for given, path in {
        "s3://mine": "mine", "s3://mine/": "mine", "s3://mine/a/b/": "mine/a/b",
        "s3://mine//a b": "mine/a b",
    }.items():  # fmt: skip
        assert bucket_at(given, None).path == path
        assert str(bucket_at(given, None)) == f"s3://{path}"
    assert place_at(Path("x")).shown("y") == "x/y.parquet"
