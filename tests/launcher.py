"""Commands in processes of their own, without the second that each needs to import what it uses.

One process has imported the command line and forks: a child gets the arguments, the environment,
the folder and the streams of the command, does what the `tickstock` script does, and ends as it
would. What a test wants to know about the start itself (streams, locales, extras, signals) is run
by the script: `Shell.start`.

A command is asked for over a Unix socket, with its two streams sent along; the answers are its
process id and then how it ended (`os.waitstatus_to_exitcode`).
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import pkgutil
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

MAX_MESSAGE = 1 << 20
WITHOUT = ("serve", "bridge", "user")
"""Commands that import what extras bring, some of it with threads that a fork would lose."""


class Launcher:
    """The test's side."""

    def __init__(self) -> None:
        self._path = str(Path(tempfile.mkdtemp(prefix="ts-launch-")) / "s")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.launcher", self._path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float
    ) -> tuple[int, str, str]:
        """Exit code, stdout, stderr. Raises TimeoutExpired, after it has killed the command."""
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            socket.socket(socket.AF_UNIX) as line,
        ):
            line.connect(self._path)
            job = {"arguments": arguments, "environment": environment, "folder": str(folder)}
            socket.send_fds(line, [json.dumps(job).encode()], [out.fileno(), err.fileno()])
            line.shutdown(socket.SHUT_WR)
            line.settimeout(seconds)
            with line.makefile("r") as answers:
                pid = int(answers.readline())
                try:
                    code = int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(list(arguments), seconds) from None
            out.seek(0)
            err.seek(0)
            return code, out.read().decode(), err.read().decode()


@cache
def launcher() -> Launcher:
    """The one of this process. It sees when its parent is gone, and ends."""
    return Launcher()


# --- the other side ------------------------------------------------------------------------
def _serve(path: str) -> None:
    _import_all()
    gc.freeze()  # what is shared stays shared
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    door.listen(64)
    door.settimeout(1)
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            line, _ = door.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            door.close()
            _attend(line)
            return
        line.close()
    shutil.rmtree(Path(path).parent)


def _import_all() -> None:
    from tickstock import cli

    cli.import_structlog()
    importlib.import_module("tickstock.cli.app")
    for module in pkgutil.iter_modules(cli.__path__):
        if module.name not in WITHOUT:
            importlib.import_module(f"tickstock.cli.{module.name}")
    for name in ("universes", "edits", "imports", "history", "jobs", "schedules", "holdings"):
        importlib.import_module(f"tickstock.service.{name}")


def _attend(line: socket.socket) -> None:
    """Start the command, and tell how it ends; the command itself comes back from here."""
    line.settimeout(None)
    message, (out, err) = _received(line)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        line.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    line.close()
    _become(json.loads(message), out, err)


def _received(line: socket.socket) -> tuple[bytes, array.array[int]]:
    message, fds, _, _ = socket.recv_fds(line, MAX_MESSAGE, 2)
    while more := line.recv(MAX_MESSAGE):
        message += more
    return message, array.array("i", fds)


def _become(job: Mapping[str, Any], out: int, err: int) -> None:
    """As a process that was just started, up to the point where the script calls the package."""
    from tickstock import clock, failpoints
    from tickstock.cli import main

    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for own, standard in ((null, 0), (out, 1), (err, 2)):
        os.dup2(own, standard)
        os.close(own)
    os.environ.clear()
    os.environ.update(job["environment"])
    time.tzset()
    os.chdir(job["folder"])
    sys.argv = ["tickstock", *job["arguments"]]
    clock.set_clock(os.environ.get(clock.VARIABLE, ""))
    failpoints.arm(os.environ.get(failpoints.VARIABLE, ""))
    main()


if __name__ == "__main__":
    _serve(sys.argv[1])
