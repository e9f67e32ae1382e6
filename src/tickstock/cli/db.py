"""`tickstock db ...`."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick, settings_of


def status(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Which database, which server, which schema."""
    from tickstock.store import migrate as migrations
    from tickstock.store.database import Database

    settings = settings_of(common)
    uri = settings.database_uri.get_secret_value() if settings.database_uri else None
    with Database.open(uri, settings.home, migrate=False) as database:
        with database.transaction() as connection:
            found = migrations.status(connection)
            version = connection.info.server_version
        server = "embedded" if database.server else "DATABASE_URI"
        facts = {
            "database": database.safe_uri,
            "server": f"PostgreSQL {version // 10000}.{version % 10000} ({server})",
            "steps applied": len(found.applied),
            "steps pending": [str(step) for step in found.pending],
        }
    if common.json:
        print_json("db status", facts)
        return 0
    for name, value in facts.items():
        console().print(f"{name:<14} {value or '-'}", markup=False)
    if found.pending:
        talk("Bring it up to date with: tickstock db migrate")
    return 0


def migrate(
    *,
    zone: Annotated[
        str, Parameter(help="Time zone of a foreign table's timestamps without one.")
    ] = "UTC",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Bring the schema up to date; an existing cache_entries table is taken over as it is."""
    from tickstock.store.calendar import fill_sessions
    from tickstock.store.database import Database

    settings = settings_of(common)
    uri = settings.database_uri.get_secret_value() if settings.database_uri else None
    with Database.open(uri, settings.home, migrate=False) as database:
        done = database.migrate(after=fill_sessions, zone=zone)
    if common.json:
        print_json("db migrate", {"applied": list(done)})
    else:
        console().print("\n".join(done) if done else "The schema is up to date.")
    return 0


def shell(
    *options: Annotated[str, Parameter(allow_leading_hyphen=True, help="Options for psql.")],
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """psql on this database: `tickstock db shell -- -c 'SELECT count(*) FROM cache_entries'`."""
    with open_tick(common) as tick:
        server = tick.database.server
        program = str(server.program("psql")) if server else "psql"
        # The address goes by environment: process arguments are readable by everybody.
        from psycopg.conninfo import conninfo_to_dict

        environ = dict(os.environ)
        for key, value in conninfo_to_dict(tick.database.conninfo).items():
            if name := LIBPQ_NAMES.get(key):
                environ[name] = str(value)
        try:
            return subprocess.run([program, *options], env=environ, check=False).returncode  # noqa: S603
        except FileNotFoundError:
            talk("psql is not installed on this machine.")
            return 1


LIBPQ_NAMES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
}


def stop(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Stop the embedded server, whoever uses it."""
    from tickstock.store import embedded

    settings = settings_of(common)
    stopped = embedded.stop(settings.home)
    talk("The embedded server was stopped." if stopped else "No embedded server was running.")
    return 0
