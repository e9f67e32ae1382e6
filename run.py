#!/usr/bin/env python3
"""Sets up a checkout and runs it: `python3 run.py demo`, `python3 run.py test`.

Needs Python 3.11 or newer with pip, and nothing else: it makes the virtual environment `.venv`
beside this file, installs the locked dependencies into it (again only when the lock changed),
and goes on inside. Everything after the first word is handed to `tickstock` or to pytest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
SIDE_BY_SIDE = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
"""Three at a time, on two cores too: some of what a test does is to wait, for servers and leases.
Each more reads all tests once more."""
USAGE = """usage: python3 run.py demo            the whole thing, on a machine with nothing
       python3 run.py test [...]     lint, types, layers and all tests
       python3 run.py tickstock ...  any other command, for example: universe list
       python3 run.py extras         what only some commands need: Parquet, polars, files over S3
"""


def pip(*arguments: str) -> None:
    """This Python's pip, installing into the environment. (An environment's own pip needs
    ensurepip, which some systems package apart.)"""
    command = [sys.executable, "-m", "pip", "--python", str(PYTHON), *arguments]
    done = subprocess.run([*command, "--quiet", "--disable-pip-version-check"], check=False)
    if done.returncode:
        sys.exit(f"pip ended with {done.returncode}; its message is above.")


def set_up(lock: str) -> None:
    """Bring `.venv` to the state of requirements/`lock`.txt."""
    if not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, with_pip=False)
    files = [ROOT / "requirements" / f"{lock}.txt", ROOT / "pyproject.toml"]
    wanted = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
    stamp = VENV / f"{lock}.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(
        f"Installing the locked dependencies ({lock}) into .venv ...", file=sys.stderr, flush=True
    )
    pip("install", "--require-hashes", "-r", str(files[0]))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(wanted)


def set_up_to_run() -> None:
    """Whoever has the extras keeps them: their lock holds all of the other too."""
    set_up("extras" if (VENV / "extras.sha256").exists() else "run")


def inside(*command: str | Path, silent: bool = False) -> int:
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    return subprocess.run(
        [str(c) for c in command],
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        stdout=subprocess.DEVNULL if silent else None,
        check=False,
    ).returncode


def apt(*packages: str) -> None:
    """Install packages of the system, where we may."""
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    options = ("install", "-y", "--no-install-recommends")
    for command in (["apt-get", "update"], ["apt-get", *options, *packages]):
        subprocess.run(command, env=environ, check=False, capture_output=True)


def may_apt() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and bool(shutil.which("apt-get"))


def browser() -> None:
    """A Chromium for the tests of the page: the shell without windows, which does half the work,
    or the system's, or one that can be had here."""
    shell, names = "chromium-headless-shell", ("chromium", "chromium-browser", "google-chrome")
    if shutil.which(shell):
        return
    if may_apt():
        print("Installing Chromium for the tests of the page ...", file=sys.stderr, flush=True)
        apt(shell)
    if not any(shutil.which(name) for name in (shell, *names)):
        if may_apt():
            apt("chromium")
        else:
            inside(PYTHON, "-m", "playwright", "install", "chromium")


def oldest_server() -> None:
    """The oldest PostgreSQL supported, for the tests that run on it as well."""
    if Path("/usr/lib/postgresql/15/bin/initdb").exists():
        return
    why = "its tests are skipped"
    if may_apt():
        print("Installing PostgreSQL 15 for the tests ...", file=sys.stderr, flush=True)
        # Without a cluster of the system's own, which would be started and take port 5432.
        folder = Path("/etc/postgresql-common/createcluster.d")
        folder.mkdir(parents=True, exist_ok=True)
        note = folder / "tickstock-tests.conf"
        note.write_text("create_main_cluster = false\n")
        apt("postgresql-15")
        note.unlink()
        if Path("/usr/lib/postgresql/15/bin/initdb").exists():
            return
        why = "the system's packages do not have it; " + why
    print(f"No PostgreSQL 15 in /usr/lib/postgresql: {why}.", file=sys.stderr, flush=True)


def test(arguments: list[str]) -> int:
    set_up("test")
    browser()
    oldest_server()
    # Where Python may not keep what it compiles, each process that a test starts would do it again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    inside(PYTHON, "-m", "compileall", "-q", "src")
    if arguments:
        return inside(PYTHON, "-m", "pytest", *arguments)
    checks = [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports", "--no-logo"),
    ]
    with ThreadPoolExecutor(1) as beside:
        # The tests are read once here, beside the checks, and not by each of those that run them.
        read = beside.submit(inside, PYTHON, "-m", "pytest", "--collect-only", silent=True)
        failed = [" ".join(c) for c in checks if inside(BIN / c[0], *c[1:])]
        read.result()
    result = inside(PYTHON, "-m", "pytest", *SIDE_BY_SIDE)
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
    return result or len(failed)


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):
        sys.exit(f"TickStock needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "test":
        return test(rest)
    if command == "extras":
        set_up("extras")
        return 0
    if command == "demo":
        set_up_to_run()
        result = inside(BIN / "tickstock", "demo", *rest)
        print(f"The command `tickstock` is in {BIN}; put it on the PATH with:")
        print(f"  . {BIN / 'activate'}")
        return result
    if command == "tickstock":
        set_up_to_run()
        return inside(BIN / "tickstock", *rest)
    print(USAGE, end="")
    return 0 if command in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
