"""`tickstock db roles`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.db import as_it_is
from tickstock.cli.output import Common, print_json, talk


def roles(
    *,
    print_: Annotated[
        bool, Parameter(name="--print", negative="", help="Print the SQL instead of running it.")
    ] = False,
    prefix: Annotated[str, Parameter(help="How the names of the roles begin.")] = "tickstock",
    common: Common = Common(),
) -> int:
    """Make database roles with the least privileges.

    PREFIX_migrate owns the schema and runs `db migrate`; PREFIX_app loads and organizes;
    PREFIX_reader only reads. None can sign in by itself: give them to those who do, as in
    `CREATE ROLE loader LOGIN PASSWORD '...' IN ROLE tickstock_app`. Run it as a superuser, and
    again after an upgrade.
    """
    from tickstock.store.roles import KINDS, make, statements

    found = statements(prefix)
    names = [f"{prefix}_{kind}" for kind in KINDS]
    if not print_:
        with as_it_is(common) as database, database.transaction() as connection:
            make(connection, prefix)
    if common.json:
        print_json("db roles", {"roles": names, "applied": not print_, "sql": list(found)})
    elif print_:
        print("BEGIN;", *found, "COMMIT;", sep="\n\n")
    else:
        talk(f"Made {', '.join(names)}. Give them to those who sign in: GRANT {names[1]} TO ...")
    return 0
