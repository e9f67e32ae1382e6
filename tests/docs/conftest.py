"""A shell with a home of its own, in which pages are tried out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import new_folder
from tests.moment import handed_on
from tickstock.store.embedded import EmbeddedServer

EXPORT = re.compile(r"export (\w+)=(.+)")


@dataclass
class Shell:
    """Runs commands one by one; what they export is there for the next ones."""

    environ: dict[str, str]
    folder: Path

    def run(self, command: str) -> tuple[str, int]:
        """What a person would see, stdout and stderr as they come, and the exit code."""
        if exported := EXPORT.fullmatch(command):
            self.environ[exported[1]] = self.expanded(exported[2])
            return "", 0
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout, done.returncode

    def python(self, code: str, *arguments: str) -> str:
        """What a script prints; it must end well."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def all_in_one(self, code: str, argument: Any) -> Any:
        """What a script prints as JSON that was given `argument` as JSON."""
        return json.loads(self.python(code, json.dumps(argument)))

    def expanded(self, path: str) -> str:
        return path.replace("~", str(self.folder), 1)


@pytest.fixture
def shell() -> Iterator[Shell]:
    folder = new_folder()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TICKSTOCK_", "MASSIVE_"))}
    for name in ("DATABASE_URI", "REDIS_URL", "REDIS_HOST", "REDIS_PORT"):
        kept.pop(name, None)
    kept |= handed_on()
    kept |= {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "100",
    }
    yield Shell(kept, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def running(shell: Shell) -> Iterator[Shell]:
    """A shell whose home has a server that stays up between commands."""
    home = shell.folder / "home"
    shell.environ |= {"TICKSTOCK_HOME": str(home), "TICKSTOCK_VENDOR": "replay"}
    with EmbeddedServer.join(home):
        yield shell
