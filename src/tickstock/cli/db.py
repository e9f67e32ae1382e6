"""`tickstock db ...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.files import counted
from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick, settings_of
from tickstock.errors import BadInput
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.store.database import Database


def as_it_is(common: Common) -> Database:
    """The database of the settings, whatever its schema."""
    from tickstock.store.database import Database

    settings = settings_of(common)
    uri = settings.database_uri.get_secret_value() if settings.database_uri else None
    return Database.open(uri, settings.home, migrate=False, sealed_files=settings.sealed_where)


def status(*, common: Common = Common()) -> int:
    """Show which database, which server and which schema."""
    from tickstock.store import migrate as migrations

    with as_it_is(common) as database:
        with database.transaction() as connection:
            found = migrations.status(connection)
            version = connection.info.server_version
        server = "embedded" if database.server else "DATABASE_URI"
        facts = {
            "database": database.safe_uri,
            "server": f"PostgreSQL {version // 10000}.{version % 10000} ({server})",
            "steps_applied": len(found.applied),
            "steps_pending": [str(step) for step in found.pending],
        }
    if common.json:
        print_json("db status", facts)
        return 0
    for name, value in facts.items():
        console().print(f"{name.replace('_', ' '):<14} {value or '-'}", markup=False)
    if found.pending:
        talk("Bring it up to date with: tickstock db migrate")
    return 0


def migrate(
    *,
    zone: Annotated[
        str, Parameter(help="Time zone of a foreign table's timestamps without one.")
    ] = "UTC",
    common: Common = Common(),
) -> int:
    """Bring the schema up to date.

    An existing cache_entries table is taken over as it is.
    """
    from tickstock.store import bar_names
    from tickstock.store.reference import fill_reference

    with as_it_is(common) as database:
        done = database.migrate(after=fill_reference, zone=zone)
        with database.transaction() as connection:
            taken = bar_names.taken_names(connection)
    if common.json:
        print_json(
            "db migrate", {"applied": list(done), "names_taken": [str(name) for name in taken]}
        )
        return 0
    console().print("\n".join(done) if done else "The schema is up to date.")
    for line in filter(None, bar_names.warning(taken)):
        talk(f"note: {line}")
    return 0


def backup(
    file: Path,
    *,
    prove: Annotated[
        bool,
        Parameter(
            negative="",
            help="Restore it into a scratch database of the same server and compare the content; "
            "the file is kept only if all is equal.",
        ),
    ] = False,
    common: Common = Common(),
) -> int:
    """Write the whole database to a file.

    Consistent as of one moment, while it is in use.
    """
    from tickstock.service.sealed_months import bars_of
    from tickstock.store.backup import back_up

    with as_it_is(common) as database:
        made = back_up(database, file, prove=prove)
    proof = {n: {"rows": f.rows, "content": f.content} for n, f in (made.proof or {}).items()}
    if common.json:
        facts = {"file": str(file), "bytes": made.size, "server": made.archive.server}
        facts |= {"client": made.archive.client, "proof": proof or None}
        facts |= {"sealed_files": len(made.sealed), "sealed_folder": str(database.sealed_files)}
        print_json("db backup", facts)
        return 0
    console().print(f"{file}: {made.size:,} bytes", markup=False)
    console().print(
        f"PostgreSQL {made.archive.server}, written by pg_dump {made.archive.client}", markup=False
    )
    for name, one in proof.items():
        console().print(f"  {name:<12} {one['rows']:>12,} equal  {one['content']}", markup=False)
    if proof:
        console().print("Proven: restored into a scratch database, all content was equal.")
    if made.sealed:
        bars = counted(bars_of(made.sealed))
        files, size = plural(len(made.sealed), "sealed file"), sum(one.bytes for one in made.sealed)
        console().print(
            f"Not in it: {bars} in {files} ({size:,} bytes). Copy {database.sealed_files} as well.",
            markup=False,
            soft_wrap=True,
        )
    talk(f"Bring it back with: tickstock db restore {file}")
    return 0


def prove(
    *,
    workers: Annotated[int, Parameter(help="Workers at once.")] = 4,
    jobs: Annotated[int, Parameter(help="Jobs of ten calls each.")] = 20,
    seconds: Annotated[float, Parameter(help="For how long they are disturbed.")] = 60.0,
    seed: Annotated[int, Parameter(help="Chooses the moments.")] = 0,
    common: Common = Common(),
) -> int:
    """Prove on this server that killed, frozen and cut off workers lose nothing.

    In two scratch databases, which are dropped at the end; the database itself is not touched. The
    user has to be allowed to make databases. Synthetic bars are loaded, and no vendor is asked.
    """
    from tickstock.service.prove import prove as prove_on

    if not (1 <= workers <= 64 and 1 <= jobs <= 1000 and 1 <= seconds <= 86_400):
        raise BadInput(
            f"{workers} workers, {jobs} jobs, {seconds:g} seconds cannot be done.",
            "Take 1 to 64 workers, 1 to 1000 jobs, 1 to 86400 seconds.",
        )
    with as_it_is(common) as database:
        proof = prove_on(database, workers=workers, jobs=jobs, seconds=seconds, seed=seed, say=talk)
    facts = {
        "holds": proof.holds,
        "jobs": proof.jobs,
        "completed": proof.disturbed.completed,
        "calls": proof.calls,
        "kills": proof.kills,
        "freezes": proof.freezes,
        "cuts": proof.cuts,
        "sessions_cut": proof.sessions_cut,
        "bars": proof.disturbed.bars,
        "bars_expected": proof.quiet.bars,
        "equal": proof.quiet.digest == proof.disturbed.digest,
        "seconds": round(proof.seconds, 1),
        "faults": proof.faults,
    }
    if common.json:
        print_json("db prove", facts)
    else:
        for name, value in facts.items():
            console().print(f"{name.replace('_', ' '):<14} {value}", markup=False)
    return 0 if proof.holds else 1


def restore(
    file: Path,
    *,
    replace: Annotated[
        bool, Parameter(negative="", help="Drop what the database holds now, then restore.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Bring the database back to a backup.

    To what `db backup` wrote: all of it, or nothing is changed.
    """
    from tickstock.store import programs, sealing

    with as_it_is(common) as database:
        done = programs.restore(database, file, replace=replace)
        lacking = sealing.lacking(database)
    if done.lost_roles:
        talk(f"No privileges were restored: this server lacks {', '.join(done.lost_roles)}.")
    if count := len(lacking):
        talk(f"{plural(count, 'sealed file')} not in {database.sealed_files}: copy them there.")
    if done.archive.roles:
        talk("Give the roles what is theirs again with: tickstock db roles")
    talk(f"Restored from {file}. A newer version brings it up to date with its first command.")
    return 0


def shell(
    *options: Annotated[str, Parameter(allow_leading_hyphen=True, help="Options for psql.")],
    common: Common = Common(),
) -> int:
    """Run psql on this database.

    As in `tickstock db shell -- -c 'SELECT count(*) FROM cache_entries'`.
    """
    from tickstock.store import programs

    with open_tick(common) as tick:
        return programs.psql(tick.database, options)


def stop(*, common: Common = Common()) -> int:
    """Stop the embedded server, whoever uses it."""
    from tickstock.store import embedded

    settings = settings_of(common)
    stopped = embedded.stop(settings.home)
    talk("The embedded server was stopped." if stopped else "No embedded server was running.")
    return 0
