"""What a benchmark measures in a process of its own says what came of it in its last line."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def answer_of(command: list[str], env: dict[str, str]) -> dict[str, Any]:
    """Run it to its end, and read that line."""
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
