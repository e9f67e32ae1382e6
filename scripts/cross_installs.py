"""Installs crossed with commands: `python scripts/cross_installs.py`.

Builds the wheel, installs it into empty environments (the core, each extra alone, all of them; on
the Python that the project asks for and on the newest of this machine), and runs in each of them
the help of every command, the demo with output in ASCII, and every command that needs an extra.
A command works, or says in one sentence what to install and ends with 2; where it says so, what it
says is done, and it has to work then. Prints a table, and ends with 1 where a cell is wrong.

Takes some minutes and 2 GB of a temporary folder; the packages come from where pip takes them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = tuple(PROJECT["optional-dependencies"])
OLDEST = (3, 11)
HINT = re.compile(r"^\s*Install: (.+)$", re.MULTILINE)
PASSWORD = "four words that will do\n"
BARS = ("bars", "{AAPL}", "--from", "2012-01-03", "--to", "2012-01-31", "--format")
REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}
S3 = {
    "TICKSTOCK_VENDOR": "flatfiles",
    "MASSIVE_S3_KEY_ID": "k",
    "MASSIVE_S3_SECRET": "s",
    "MASSIVE_S3_ENDPOINT": "http://127.0.0.1:1",
}


EVERY_HELP = """
from tickstock.cli.app import COMMANDS, GROUPS, run
every = [[c] for c in COMMANDS] + [[g, c] for g, (_, some) in GROUPS.items() for c in some]
wrong = [words for words in every if run([*words, "--help"]) != 0]
raise SystemExit(f"{wrong}" if wrong else 0)
"""


@dataclass(frozen=True)
class Try:
    """A command, the extra that it needs, and how it ends where it works: exit code and words."""

    name: str
    words: tuple[str, ...]
    extra: str = ""
    code: int = 0
    says: str = ""
    stdin: str = ""
    environ: dict[str, str] = field(default_factory=dict)


TRIES = (
    Try("bars as CSV", (*BARS, "csv")),
    Try("bars as Parquet", (*BARS, "parquet"), "frames"),
    Try("bars as Arrow", (*BARS, "arrow"), "frames"),
    Try("export", ("export", "{AAPL}", "NEW"), "frames"),
    Try("lake publish", ("lake", "publish"), "lake", says="were written"),
    Try("lake status", ("lake", "status"), "lake", says="bars_day"),
    Try("verify", ("verify", "{AAPL}"), says="sound"),
    Try("verify an altered folder", ("verify", "--folder", "ALTERED"), code=1, says="differ"),
    Try(
        "write a list in Parquet", ("universe", "export", "{AAPL}", "--format", "parquet"), "frames"
    ),
    Try(
        "import a list in Parquet",
        ("universe", "import", "LIST", "--as", "stock_universe:x", "--yes"),
        "frames",
    ),
    Try("user list", ("user", "list")),
    Try("user add", ("user", "add", "NEW"), "serve", stdin=PASSWORD),
    Try("user passwd", ("user", "passwd", "no"), "serve", 2, "There is no user", PASSWORD),
    Try("bridge", ("bridge",), "serve", 2, "No Redis is named"),
    Try("doctor, Redis set", ("doctor",), "serve", 1, "Redis does not answer", environ=REDIS),
    Try("serve", ("serve", "--port", "0"), "serve", says="Stopped."),
    Try(
        "flat files over S3",
        ("load", "{AAPL}", "--for", "1d"),
        "s3",
        1,
        "could not be read from the vendor",
        environ=S3,
    ),
)


@dataclass(frozen=True)
class Place:
    """An environment with TickStock in it, and a home with the demo's bars."""

    name: str
    folder: Path
    extras: frozenset[str]
    environ: dict[str, str]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def shared(self) -> Path:
        """What one environment makes for all."""
        return self.folder.parent / "shared"

    def run(self, *words: str | Path, stdin: str = "", **environ: str) -> tuple[int, str]:
        """Exit code, and what was said on stdout and stderr."""
        done = subprocess.run(
            [self.folder / "bin" / "tickstock", *words],
            input=stdin, capture_output=True, text=True, errors="replace", timeout=300, check=False,
            env=self.environ | environ, cwd=self.folder,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


# --- environments ----------------------------------------------------------------------------
def interpreters() -> list[Path]:
    """The oldest Python that the project takes, and the newest of this machine."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], 40)]
    found = [Path(p) for name in names if (p := shutil.which(name))]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found += [p for p in versions.glob("3.*/bin/python3") if p.exists()]
    by_version: dict[tuple[int, ...], Path] = {}
    for python in [Path(sys.executable), *found]:
        if version := version_of(python):
            by_version.setdefault(version, python)
    good = sorted(v for v in by_version if v >= OLDEST)
    oldest = [v for v in good if v == OLDEST]
    return [by_version[v] for v in dict.fromkeys([*oldest, good[-1]])]


def version_of(python: Path) -> tuple[int, ...] | None:
    """Its version, where it can be used: a shim may stand for nothing."""
    code = "import sys, venv, pip; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else None


def pip(python: Path, *arguments: str | Path) -> None:
    command = [python, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    subprocess.run(command, check=True)


def build_wheel(python: Path, folder: Path) -> Path:
    pip(python, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    return next(folder.glob("tickstock-*.whl"))


def install(python: Path, folder: Path, wheel: Path, extras: tuple[str, ...]) -> Place:
    """A new environment. The one with every extra has a pip of its own, the others have none."""
    whole = extras == EXTRAS
    made = [python, "-m", "venv", *([] if whole else ["--without-pip"]), folder]
    subprocess.run(made, check=True)
    wanted = f"[{','.join(extras)}]" if extras else ""
    into = ("--python", folder / "bin" / "python")
    # Compiling all of it takes longer than all commands.
    pip(python, *into, "install", "--no-compile", f"{wheel}{wanted}")
    name = "all" if whole else ",".join(extras) or "core"
    home = folder / "home"
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_")) or k == "PATH"}
    environ = kept | {"HOME": str(home), "TICKSTOCK_HOME": str(home), "LC_ALL": "C.UTF-8"}
    home.mkdir()
    return Place(name, folder, frozenset(extras), environ)


# --- commands --------------------------------------------------------------------------------
def helps(place: Place) -> str:
    """In one process: fifty starts of Python are not what is tried."""
    done = subprocess.run(
        [place.python, "-c", EVERY_HELP], capture_output=True, text=True, env=place.environ,
        cwd=place.folder, check=False,
    )  # fmt: skip
    return "works" if done.returncode == 0 else f"WRONG: {done.stdout[-500:]}{done.stderr}"


def demo(place: Place) -> str:
    code, said = place.run("demo", "--home", place.home, PYTHONIOENCODING="ascii")
    return "works" if code == 0 and said.isascii() else f"WRONG: {code} {said}"


class Cells:
    """What came of each command in one environment."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.found: dict[str, str] = {}
        self._hints: dict[str, list[Try]] = {}
        self._numbers = itertools.count()

    def fill(self) -> None:
        self.found["every --help"] = helps(self.place)
        self.found["demo in ASCII"] = demo(self.place)
        for one in TRIES:
            self.found[one.name] = self._tried(one)

    def install_what_they_say(self) -> None:
        """Does what each hint says, and tries the commands again that said so."""
        for hint, lacking in self._hints.items():
            done = subprocess.run(shlex.split(hint), capture_output=True, text=True, check=False)
            for one in lacking:
                code, said = self._run(one)
                if done.returncode or not works(one, code, said):
                    self.found[one.name] = f"WRONG: after `{hint}`: {done.stderr} {code} {said}"

    def _tried(self, one: Try) -> str:
        code, said = self._run(one)
        has = one.extra == "" or one.extra in self.place.extras
        if works(one, code, said):
            return "works" if has else "WRONG: works without its extra"
        hint = HINT.search(said)
        # doctor tells it among its checks.
        if has or hint is None or code != (1 if one.words == ("doctor",) else 2):
            return f"WRONG: {code} {said}"
        self._hints.setdefault(hint.group(1), []).append(one)
        return "says what to install"

    def _run(self, one: Try) -> tuple[int, str]:
        places = {
            "NEW": f"new{next(self._numbers)}",
            "ALTERED": str(self.place.shared / "altered"),
            "LIST": str(self.place.shared / "list.parquet"),
        }
        words = [places.get(word, word) for word in one.words]
        if one.words[0] == "serve":
            return serve(self.place, words)
        return self.place.run(*words, stdin=one.stdin, **one.environ)


def works(one: Try, code: int, said: str) -> bool:
    inside = "inside TickStock" in said or "Traceback" in said
    return code == one.code and one.says in said and not inside


def serve(place: Place, words: list[str]) -> tuple[int, str]:
    """Starts the page, waits for its address, and ends it."""
    process = subprocess.Popen(
        [place.folder / "bin" / "tickstock", *words], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=place.environ, cwd=place.folder,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "/sign-in/link/" in line:
            process.send_signal(signal.SIGTERM)
    return process.wait(60), said


def share(place: Place) -> None:
    """Makes what environments without pyarrow are given: a list, and an altered export."""
    place.shared.mkdir(exist_ok=True)
    altered, made = place.shared / "altered", place.shared / "list.parquet"
    for words in (
        ("universe", "export", "{AAPL}", "--format", "parquet", "--out", made),
        ("export", "{AAPL}", altered),
    ):
        code, said = place.run(*words)
        if code:
            raise SystemExit(f"{words}: {said}")
    with next(altered.rglob("*.parquet")).open("ab") as file:
        file.write(b"more")


# --- the table -------------------------------------------------------------------------------
def cross(python: Path, wheel: Path, folder: Path) -> list[Cells]:
    """All environments of one Python; the one with every extra first, which makes the files."""
    found = []
    for extras in (EXTRAS, (), *((extra,) for extra in EXTRAS)):
        place = install(python, folder / ("-".join(extras) or "core"), wheel, extras)
        cells = Cells(place)
        if not found:
            demo(place)
            share(place)
        cells.fill()
        cells.install_what_they_say()
        found.append(cells)
        print(f"  {place.name}: done", file=sys.stderr, flush=True)
        shutil.rmtree(place.folder)
    return found


def print_table(title: str, columns: list[Cells]) -> None:
    names = list(columns[0].found)
    width = max(map(len, [title, *names]))
    print(title.ljust(width), *(c.place.name.ljust(20) for c in columns), sep="  ")
    for name in names:
        cells = (c.found[name].partition(":")[0].ljust(20) for c in columns)
        print(name.ljust(width), *cells, sep="  ")
    print()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", type=Path, action="append", help="only this Python")
    given = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="ts-installs-") as base:
        pythons = given.python or interpreters()
        wheel = build_wheel(pythons[0], Path(base))
        for python in pythons:
            version = ".".join(map(str, version_of(python) or ()))
            print(f"Python {version} ({python})", file=sys.stderr, flush=True)
            columns = cross(python, wheel, Path(base) / version)
            print_table(f"Python {version}", columns)
            wrong += [(c.place.name, *item) for c in columns for item in c.found.items()
                      if item[1].startswith("WRONG")]  # fmt: skip
    for cell in wrong:
        print(*cell, sep=": ")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
