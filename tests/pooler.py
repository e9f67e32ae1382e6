"""A PgBouncer in front of a server, where the system has one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.servers import new_folder

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(host: str, port: int, user: str, mode: str = "transaction") -> Iterator[str]:
    """The folder of the socket of a pooler that pools by `mode`; it lets everybody in. By
    transactions few sessions are enough for many clients."""
    assert PROGRAM is not None
    size = 10 if mode == "transaction" else 60
    folder = new_folder()
    users = folder / "users.txt"
    users.write_text(f'"{user}" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={host} port={port} user={user}\n[pgbouncer]\n"
        f"listen_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\nauth_type = trust\n"
        f"auth_file = {users}\npool_mode = {mode}\ndefault_pool_size = {size}\n"
        "max_client_conn = 200\nignore_startup_parameters = extra_float_digits\n"
    )
    command = [PROGRAM, "-q", str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        command[1:1] = ["-u", "nobody"]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd="/")
    try:
        uri = f"postgresql://{user}@/postgres?host={folder}&port=6432"
        while psycopg.pq.PGconn.ping(uri.encode()) != psycopg.pq.Ping.OK:
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        yield str(folder)
    finally:
        process.kill()
        process.wait(20)
        shutil.rmtree(folder)
