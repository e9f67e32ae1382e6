"""Databases as earlier steps left them, as files: `python -m tests.migration.schemas` writes those
that are missing and adds the checksum of each step to `frozen.txt`. Run it for a release."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.servers import new_folder
from tickstock.store import embedded
from tickstock.store.embedded import EmbeddedServer
from tickstock.store.migrate import QUERIES, MigrationStep, steps

FOLDER = Path(__file__).parent / "schemas"
FROZEN = Path(__file__).parent / "frozen.txt"
NOISE = re.compile(
    r"^(--\n(-- .*\n)+--\n\n?|-- Dumped .*\n|\\.*\n|SET \w+ = .*;\n"
    r"|SELECT pg_catalog\.set_config.*\n)",
    re.MULTILINE,
)


def frozen() -> dict[str, str]:
    """The checksum of each frozen step, by version."""
    lines = FROZEN.read_text("utf-8").splitlines() if FROZEN.exists() else []
    return dict(line.split() for line in lines if not line.startswith("#"))


def written(server: EmbeddedServer, done: Sequence[MigrationStep]) -> str:
    """The schema after these steps as SQL, with the record of them."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS earlier")
        conn.execute("CREATE DATABASE earlier")
    with psycopg.connect(server.uri("earlier"), autocommit=True) as conn:
        conn.execute(QUERIES["create_record"])
        for step in done:
            conn.execute(step.sql)
    command = [server.program("pg_dump"), "--schema-only", "--no-owner", server.uri("earlier")]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [f"('{s.part}', '{s.version}', '{s.name}', '{s.checksum}')" for s in done]
    record = "INSERT INTO tickstock.migrations (part, version, name, checksum) VALUES\n    "
    return NOISE.sub("", dumped) + record + ",\n    ".join(rows) + ";\n"


def main() -> None:
    home = new_folder()
    FOLDER.mkdir(exist_ok=True)
    known = frozen()
    with EmbeddedServer.join(home) as server:
        for count, step in enumerate(steps(), 1):
            file = FOLDER / f"{step.version}.sql"
            if not file.exists():
                file.write_text(written(server, steps()[:count]), "utf-8")
            known.setdefault(step.version, step.checksum)
    embedded.stop(home)
    head = "# Steps of the schema that were released: never edit them. See CONTRIBUTING.md.\n"
    FROZEN.write_text(head + "".join(f"{v} {c}\n" for v, c in sorted(known.items())), "utf-8")


if __name__ == "__main__":
    main()
