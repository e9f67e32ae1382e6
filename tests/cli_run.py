"""Runs the command line as people do: in a process of its own, with an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.launcher import launcher
from tests.moment import handed_on
from tickstock.errors import Transient

T = TypeVar("T")
TICKSTOCK = Path(sys.executable).parent / "tickstock"
SCHEMA = "tickstock/1"
PATIENCE = 60.0
SCRIPT_READS = ("PYTHON", "LC_", "LANG")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        """The data of the one JSON document on stdout."""
        body = json.loads(self.out)
        assert body["schema"] == SCHEMA
        return body["data"]


@dataclass(frozen=True)
class Shell:
    """A person at a machine: a home folder, settings in the environment, a working directory."""

    home: Path
    settings: dict[str, str]

    def with_settings(self, **more: object) -> Shell:
        return Shell(self.home, self.settings | {k: str(v) for k, v in more.items()})

    def start(self, *arguments: str, **settings: object) -> subprocess.Popen[str]:
        """Start a command, in a session of its own, so that signals meet it alone."""
        return subprocess.Popen(
            [TICKSTOCK, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment() | {k: str(v) for k, v in settings.items()},
            cwd=self.home,
            start_new_session=True,
        )

    def run(self, *arguments: str, **settings: object) -> Result:
        """Run a command to its end; by the script itself where that reads its environment."""
        environment = self._environment() | {k: str(v) for k, v in settings.items()}
        if any(name.startswith(SCRIPT_READS) for name in settings):
            return ended(self.start(*arguments, **settings))
        code, out, err = launcher().run(arguments, environment, self.home, PATIENCE)
        assert "Traceback" not in out + err, out + err
        return Result(code, out, err)

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        file = self.home / "logs" / "tickstock.log"
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    def _environment(self) -> dict[str, str]:
        names = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")
        kept = {k: os.environ[k] for k in names if k in os.environ}
        own = {"HOME": str(self.home), "TICKSTOCK_HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        return kept | own | handed_on() | self.settings


def ended(process: subprocess.Popen[str], seconds: float = PATIENCE) -> Result:
    """Wait for a command; it says no traceback, whatever it says."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert "Traceback" not in out + err, out + err
    return Result(process.returncode, out, err)


def in_turn(work: Callable[[], T], seconds: float = 90.0) -> T:
    """What `work` gives once nobody else is at it any more: of one that was killed, the server has
    to notice that first."""
    end = time.monotonic() + seconds
    while True:
        try:
            return work()
        except Transient:
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.01)


def until(condition: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
