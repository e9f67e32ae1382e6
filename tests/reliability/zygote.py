"""Real worker processes, started in milliseconds: forked off a process that has imported all.

The zygote has one thread when it forks, so that no lock of another thread is lost in a child. It
speaks JSON lines: `{"start": {...}}` is answered by a process id, `{"wait": id}` by the exit code
as `subprocess` gives it (-9 after SIGKILL).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Zygote:
    """The test's side."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, job: dict[str, Any]) -> int:
        """Start a process that does `job`, see `scenarios.perform`; its id."""
        return int(self._ask({"start": job}))

    def wait(self, pid: int) -> int:
        """Wait for its end; the exit code."""
        return int(self._ask({"wait": pid}))

    def run(self, job: dict[str, Any]) -> int:
        return self.wait(self.start(job))

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def zygote() -> Iterator[Zygote]:
    command = [sys.executable, "-m", "tests.reliability.zygote"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Zygote(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def _serve() -> None:
    from tests.reliability import scenarios

    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            _, status = os.waitpid(question["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = _fork(scenarios.perform, question["start"])
        print(json.dumps(answer), flush=True)


def _fork(perform: Any, job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        # Neither the questions nor the answers of the zygote are the child's.
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        perform(job)
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
