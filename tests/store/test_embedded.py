"""The embedded server, with real processes that are killed, frozen and started at once."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import new_folder
from tickstock.errors import DatabaseForbidden, DatabaseRefused, DatabaseUnavailable
from tickstock.store import embedded, place
from tickstock.store.embedded import EmbeddedServer

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user's server")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

JOIN = """
import sys
from pathlib import Path
import psycopg
from tickstock.store.embedded import EmbeddedServer
for _ in range(int(sys.argv[2])):
    server = EmbeddedServer.join(Path(sys.argv[1]))
    with psycopg.connect(server.uri("postgres")) as conn:
        conn.execute("SELECT 1")
    print("joined", flush=True)
    if sys.argv[3] == "wait":
        sys.stdin.readline()
    if sys.argv[3] != "forget":
        server.leave()
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A home for all tests that leave it sound, because a new one takes a while."""
    path = new_folder()
    EmbeddedServer.join(path).leave()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def house(made: Path) -> Iterator[Path]:
    """A home with a stopped server, which is stopped again afterwards."""
    yield made
    embedded.stop(made)


@pytest.fixture
def bare() -> Iterator[Path]:
    """A home without anything."""
    path = new_folder()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that joins: `times`, then it waits for a line, leaves, or forgets to."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path, times: int = 1, then: str = "wait") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", JOIN, str(home), str(times), then]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def joined(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "joined\n", process.communicate()[1]


def runs(home: Path) -> bool:
    uri = f"postgresql://postgres@/postgres?host={place.find(home).sockets}"
    return psycopg.pq.PGconn.ping(uri.encode()) == psycopg.pq.Ping.OK


def postmaster(server: EmbeddedServer) -> int:
    return int(ask(server, "SELECT pg_read_file('postmaster.pid')").split()[0])


def started_at(server: EmbeddedServer) -> str:
    return ask(server, "SELECT pg_postmaster_start_time()::text")


def ask(server: EmbeddedServer, query: str) -> str:
    with psycopg.connect(server.uri("postgres")) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return str(row[0])


# --- joining and leaving ------------------------------------------------------------------------
def test_first_start_makes_a_server_without_tcp_and_the_last_one_out_stops_it(bare: Path) -> None:
    with EmbeddedServer.join(bare) as server:
        assert ask(server, "SELECT version()").startswith("PostgreSQL 18")
        assert ask(server, "SHOW listen_addresses") == ""
        assert ask(server, "SHOW fsync") == "on"
        assert ask(server, "SHOW timezone") == "UTC"
        run = place.find(bare).sockets
        assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert not runs(bare)


def test_the_last_one_out_stops_the_server(house: Path) -> None:
    first, second = EmbeddedServer.join(house), EmbeddedServer.join(house)
    first.leave()
    first.leave()
    assert runs(house)
    second.leave()
    assert not runs(house)


def test_a_warm_join_starts_no_program(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServer.join(house):
        monkeypatch.setattr(subprocess, "Popen", None)
        monkeypatch.setattr(os, "fork", None)
        EmbeddedServer.join(house).leave()


def test_a_process_that_ends_without_leaving_stops_the_server(
    house: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    process = spawn(house, then="forget")
    joined(process)
    assert process.wait(20) == 0
    assert not runs(house)


def test_many_processes_start_and_stop_at_once(
    bare: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    processes = [spawn(bare, times=12, then="leave") for _ in range(5)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.count("joined"), err) == (0, 12, "")
    assert not runs(bare)


def test_stop_stops_it_for_everybody_and_users_can_revive_it(house: Path) -> None:
    with EmbeddedServer.join(house) as server:
        assert embedded.stop(house)
        assert not embedded.stop(house)
        server.revive()
        assert ask(server, "SELECT 1") == "1"
    assert not runs(house)


def test_a_forked_process_takes_nothing_away_and_keeps_nothing_up(house: Path) -> None:
    server = EmbeddedServer.join(house)
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(wait, 1)
        server.leave()
        os._exit(0 if runs(house) else 1)
    with EmbeddedServer.join(house):
        os.write(go, b"x")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert runs(house), "its own share is still there"
    sleeper = os.fork()
    if sleeper == 0:
        signal.pause()
    server.leave()
    assert not runs(house)
    os.kill(sleeper, signal.SIGKILL)
    os.waitpid(sleeper, 0)
    os.close(wait)
    os.close(go)


# --- whoever is killed --------------------------------------------------------------------------
def test_when_the_owner_is_killed_the_server_goes_on_for_the_others(
    house: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = spawn(house)
    joined(owner)
    with EmbeddedServer.join(house) as server:
        before = started_at(server)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(10)
        assert started_at(server) == before
    assert not runs(house)


def test_a_server_whose_users_were_all_killed_is_used_again_and_then_stopped(
    house: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = spawn(house)
    joined(owner)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(10)
    assert runs(house)
    EmbeddedServer.join(house).leave()
    assert not runs(house)


def test_ctrl_c_reaches_the_owner_only(
    house: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    owner = spawn(house)
    joined(owner)
    with EmbeddedServer.join(house) as server:
        before = started_at(server)
        os.killpg(owner.pid, signal.SIGINT)
        owner.wait(10)
        assert started_at(server) == before


def test_a_killed_postmaster_is_replaced_and_nothing_is_lost(house: Path) -> None:
    with EmbeddedServer.join(house) as server:
        with psycopg.connect(server.uri("postgres")) as conn:
            conn.execute("DROP TABLE IF EXISTS kept")
            conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(postmaster(server), signal.SIGKILL)
        with EmbeddedServer.join(house) as again:
            assert ask(again, "SELECT answer FROM kept") == "42"
        assert ask(server, "SELECT answer FROM kept") == "42"


def test_a_backend_that_outlives_its_postmaster_is_waited_for(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServer.join(house) as server:
        orphan = psycopg.connect(server.uri("postgres"))
        pid = orphan.info.backend_pid
        boss = postmaster(server)
        os.kill(pid, signal.SIGSTOP)
        os.kill(boss, signal.SIGKILL)
        with monkeypatch.context() as patch:
            patch.setattr(embedded, "REMNANT_SECONDS", 0.2)
            with pytest.raises(DatabaseUnavailable, match=r"processes of it live.*server\.lock"):
                EmbeddedServer.join(house)
        os.kill(pid, signal.SIGCONT)
        orphan.close()
        with EmbeddedServer.join(house) as again:
            assert ask(again, "SELECT 1") == "1"


def test_a_frozen_server_is_an_error_and_never_doubled(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServer.join(house) as server:
        boss = postmaster(server)
        os.kill(boss, signal.SIGSTOP)
        monkeypatch.setattr(embedded, "REMNANT_SECONDS", 0.2)
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            EmbeddedServer.join(house)
        os.kill(boss, signal.SIGCONT)
        assert ask(server, "SELECT 1") == "1"


@pytest.mark.parametrize("whose", ["a stranger", "a zombie", "nobody"])
def test_a_stale_pid_file_says_nothing(house: Path, whose: str) -> None:
    data = place.find(house).data
    with EmbeddedServer.join(house) as server:
        lines = ask(server, "SELECT pg_read_file('postmaster.pid')").splitlines()
    child = subprocess.Popen(["true"])
    if whose == "nobody":
        child.wait()
    pid = os.getpid() if whose == "a stranger" else child.pid
    text = "\n".join([str(pid), *lines[1:], ""])
    (data / "postmaster.pid").write_text(text)
    Path(f"{place.find(house).socket}.lock").write_text(text)
    with EmbeddedServer.join(house) as server:
        assert ask(server, "SELECT 1") == "1"
    assert not runs(house)
    child.wait()


def test_a_start_that_is_killed_anywhere_leaves_nothing_that_harms(
    bare: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    first = spawn(bare)
    while not (bare / "postgres" / "data.new").exists():
        assert first.poll() is None
    os.kill(first.pid, signal.SIGKILL)  # its initdb goes on
    for delay in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6):
        process = spawn(bare)
        time.sleep(delay)  # not a wait for something: the moment of the kill is the input
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    with EmbeddedServer.join(bare) as server:
        assert ask(server, "SELECT 1") == "1"
    assert not runs(bare)
    assert not (bare / "postgres" / "data.new").exists()


# --- the place ----------------------------------------------------------------------------------
def test_a_path_too_long_for_a_socket(bare: Path) -> None:
    home = bare / ("long " * 20) / ("," * 20)
    with EmbeddedServer.join(home) as server:
        assert ask(server, "SELECT 1") == "1"
        sockets = place.find(home).sockets
        assert sockets.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with EmbeddedServer.join(home):
        assert place.find(home).sockets == sockets, "used again"
    sockets.rmdir()


def test_a_folder_somebody_else_prepared_is_not_used(house: Path, tmp_path: Path) -> None:
    run = place.find(house).sockets
    run.rmdir()
    run.symlink_to(tmp_path)
    before = tmp_path.stat().st_mode
    try:
        with pytest.raises(DatabaseRefused, match="should be a private folder"):
            EmbeddedServer.join(house)
    finally:
        run.unlink()
    assert tmp_path.stat().st_mode == before


def test_settings_of_libpq_in_the_environment_do_not_mislead(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGHOSTADDR": "127.0.0.1", "PGPORT": "1", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedServer.join(house) as server:
        assert ask(server, "SELECT session_user") == "postgres"


@on_linux
def test_the_server_does_not_inherit_secrets(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASSIVE_API_KEY", "canary")
    with EmbeddedServer.join(house) as server:
        environment = Path(f"/proc/{postmaster(server)}/environ").read_bytes()
    assert b"LC_ALL=C" in environment
    assert b"canary" not in environment


def test_the_log_stays_short(house: Path) -> None:
    log = house / "postgres" / "server.log"
    log.write_bytes(b"old\n" * embedded.LOG_BYTES)
    with EmbeddedServer.join(house):
        assert log.stat().st_size < embedded.LOG_BYTES
        assert b"ready to accept connections" in log.read_bytes()


def test_data_of_another_version_are_left_alone(house: Path) -> None:
    version = place.find(house).data / "PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(DatabaseRefused, match=r"made by PostgreSQL 17; this is version 18"):
            EmbeddedServer.join(house)
    finally:
        version.write_text("18\n")


def test_a_server_that_cannot_start_says_why(house: Path) -> None:
    settings = place.find(house).data / "postgresql.auto.conf"
    settings.write_text("shared_buffers = 'lots'\n")
    try:
        with pytest.raises(DatabaseUnavailable, match=r"did not start: .*FATAL.*configuration"):
            EmbeddedServer.join(house)
    finally:
        settings.write_text("")


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(DatabaseRefused, match="TICKSTOCK_HOME"):
        EmbeddedServer.join(tmp_path / "home")


def test_a_full_disk(bare: Path) -> None:
    small = bare / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=711", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted as root")
    try:
        with pytest.raises(DatabaseRefused, match=r"is full.*Free some space"):
            EmbeddedServer.join(small)
        assert not (small / "postgres" / "data").exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)


# --- root ---------------------------------------------------------------------------------------
def as_nobody(what: Callable[[], str]) -> str:
    """What `what` gives, called by a process of the user nobody."""
    out, inlet = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            answer = what()
        except BaseException as exc:
            answer = f"{type(exc).__name__}: {exc}"
        os.write(inlet, answer.encode())
        os._exit(0)
    os.close(inlet)
    with os.fdopen(out) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@needs_root
def test_root_runs_it_as_nobody_and_gives_away_its_own_folders_only(house: Path) -> None:
    with EmbeddedServer.join(house) as server:
        assert Path(f"/proc/{postmaster(server)}").stat().st_uid == place.find(house).user.uid  # type: ignore[union-attr]
    assert stat.S_IMODE(house.stat().st_mode) == 0o711
    assert house.stat().st_uid == 0
    assert (house / "postgres").stat().st_uid == 0
    assert place.find(house).data.stat().st_uid == place.find(house).user.uid  # type: ignore[union-attr]


@needs_root
def test_root_and_the_owner_of_the_home_share_it(bare: Path) -> None:
    os.chown(bare, 65534, 65534)

    def whose() -> str:
        with EmbeddedServer.join(bare) as server:
            return f"{Path(f'/proc/{postmaster(server)}').stat().st_uid}"

    assert as_nobody(whose) == "65534"
    assert whose() == "65534"
    assert {p.stat().st_uid for p in (bare / "postgres").iterdir()} == {65534}
    assert as_nobody(whose) == "65534"


@needs_root
def test_a_home_that_the_server_cannot_enter(bare: Path) -> None:
    home = bare / "closed" / "home"
    home.mkdir(parents=True)
    home.parent.chmod(0o700)
    root = place.find(home).root
    try:
        with EmbeddedServer.join(home) as server:
            created = ask(server, "SELECT system_identifier FROM pg_control_system()")
        with EmbeddedServer.join(home) as server:
            assert ask(server, "SELECT system_identifier FROM pg_control_system()") == created
        assert root.parent == Path("/var/lib")
        assert (root.stat().st_uid, stat.S_IMODE(root.stat().st_mode)) == (0, 0o711)
        assert (home / "postgres" / "root").read_text() == f"{root}\n"
        assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(root)


@needs_root
def test_a_recorded_folder_that_is_not_ours_is_refused(house: Path) -> None:
    (house / "postgres" / "root").write_text("/etc\n")
    try:
        with pytest.raises(DatabaseRefused, match="recorded as /etc"):
            EmbeddedServer.join(house)
    finally:
        (house / "postgres" / "root").unlink()


@needs_root
def test_binaries_that_the_server_cannot_read_are_copied(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = place.installed().parent.parent
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        subprocess.run(["cp", "-a", part, closed], check=True)
    monkeypatch.syspath_prepend(closed)
    with EmbeddedServer.join(house) as server:
        program = Path(f"/proc/{postmaster(server)}/exe").readlink()
        assert house / "postgres" in program.parents
        assert ask(server, "SELECT 1") == "1"
        assert server.program("psql").is_relative_to(closed)
    assert program.stat().st_uid == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_another_user_may_neither_use_nor_spoil_it(house: Path) -> None:
    def intrude() -> str:
        EmbeddedServer.join(house)
        return "joined"

    assert as_nobody(intrude).startswith("DatabaseForbidden")
    with EmbeddedServer.join(house) as server:
        assert ask(server, "SELECT 1") == "1"


OPEN = "local all all trust\n"
"""What an earlier release let initdb write."""


@needs_root
@pytest.mark.parametrize("made", ["today", "by an earlier release"])
def test_a_process_of_nobody_is_not_let_in_though_the_server_runs_as_nobody(
    bare: Path, made: str
) -> None:
    with EmbeddedServer.join(bare) as server:
        uri = server.uri("postgres")
        ask(server, "SELECT 1")
    data = place.find(bare).data
    if made != "today":
        (data / "pg_hba.conf").write_text(OPEN)
        (data / "pg_ident.conf").write_text("")

    def intrude() -> str:
        with psycopg.connect(uri) as conn:
            return str(conn.execute("SELECT 1").fetchone())

    with EmbeddedServer.join(bare) as server:
        assert Path(f"/proc/{postmaster(server)}").stat().st_uid == 65534
        answer = as_nobody(intrude)
        assert answer.startswith("OperationalError"), answer
        assert "Peer authentication failed" in answer or "no pg_hba.conf entry" in answer
        assert ask(server, "SELECT current_user") == "postgres"
    for name in ("pg_hba.conf", "pg_ident.conf"):
        info = (data / name).lstat()
        assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o600, 65534)


@needs_root
def test_writing_who_may_follows_no_link(bare: Path, tmp_path: Path) -> None:
    with EmbeddedServer.join(bare):
        pass
    precious = tmp_path / "precious"
    precious.write_text("mine")
    hba = place.find(bare).data / "pg_hba.conf"
    hba.unlink()
    hba.symlink_to(precious)
    with EmbeddedServer.join(bare) as server:
        assert ask(server, "SELECT 1") == "1"
    assert precious.read_text() == "mine"
    assert not hba.is_symlink()


@needs_root
def test_a_folder_that_may_not_be_written(bare: Path) -> None:
    def intrude() -> str:
        EmbeddedServer.join(bare / "home")
        return "joined"

    answer = as_nobody(intrude)
    assert answer.startswith(DatabaseForbidden.__name__)
    assert "TICKSTOCK_HOME" in answer
