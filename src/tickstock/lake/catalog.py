"""The catalog that knows where tables are: in the same PostgreSQL, or a REST catalog elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    CommitFailedException,
    ForbiddenError,
    RESTError,
    UnauthorizedError,
    ValidationError,
    ValidationException,
)
from pyiceberg.utils.config import Config
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tickstock.errors import (
    BadFile,
    BadSetting,
    Conflict,
    CredentialsRefused,
    TickStockError,
    Transient,
)
from tickstock.store.connection import Connection
from tickstock.store.database import Database, translate_and_log

NAME = "tickstock"
"""Of the catalog, in its own tables and in PyIceberg's settings."""
SCHEMA = "tickstock"
IN_DATABASE = "database"
URI = "postgresql+psycopg://"
"""How SQLAlchemy calls psycopg 3; where it leads, `connect` knows."""
HIDDEN = "***"
Properties = dict[str, str]
FILE_IO = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}


class DatabaseCatalog(SqlCatalog):
    """A catalog in our own database, over our own way to it, in tables that a migration made."""

    def __init__(self, connect: Callable[[], Connection], properties: Properties) -> None:
        self._connect = connect
        super().__init__(NAME, **properties)

    def _init_catalog(self) -> None:
        engine = create_engine(URI, creator=self._connect, poolclass=NullPool)
        self.engine = engine.execution_options(schema_translate_map={None: SCHEMA})
        self._schema_version = "v1"


def open_catalog(
    where: str, warehouse: str, database: Database, s3_endpoint: str | None = None
) -> Catalog:
    """The catalog at `where`: `database`, or the address of a REST catalog. Buckets are at
    `s3_endpoint`, where that is not Amazon's.

    What else there is to set is PyIceberg's: its settings file and its variables of the catalog
    `tickstock`, as `PYICEBERG_CATALOG__TICKSTOCK__S3__ENDPOINT`.

    Raises:
        BadSetting: that is no address.
    """
    if where == IN_DATABASE:
        set_elsewhere = Config().get_catalog_config(NAME) or {}
        given = {"uri": URI, "warehouse": warehouse} | FILE_IO | _buckets_at(s3_endpoint)
        return DatabaseCatalog(database.connect, {**_texts(set_elsewhere), **given})
    if not where.startswith(("http://", "https://")):
        raise BadSetting(
            f"TICKSTOCK_LAKE_CATALOG is {where!r}, which is no address of a REST catalog.",
            "Set it to `database`, or to an address that begins with https://",
        )
    with translated(where):
        given = {"type": "rest", "uri": where, "warehouse": warehouse}
        return load_catalog(NAME, **given, **_buckets_at(s3_endpoint))


def properties_for_readers(
    where: str,
    warehouse: str,
    database: Database,
    s3_endpoint: str | None = None,
    *,
    is_shown: bool = False,
) -> Properties:
    """What `pyiceberg.catalog.load_catalog` opens the catalog with, in a program of anybody's. May
    hold the password of the database; where it is shown, *** instead."""
    if where != IN_DATABASE:
        return {"type": "rest", "uri": where} | _buckets_at(s3_endpoint)
    given = database.parameters
    given["options"] = f"{given.get('options', '')} -csearch_path={SCHEMA}".strip()
    if is_shown and "password" in given:
        given["password"] = HIDDEN
    uri = f"{URI}/?{urlencode(given, quote_via=quote, safe='*')}"
    found = {"type": "sql", "uri": uri, "warehouse": warehouse, "init_catalog_tables": "false"}
    return found | _buckets_at(s3_endpoint)


def _buckets_at(endpoint: str | None) -> Properties:
    return {} if endpoint is None else {"s3.endpoint": endpoint}


def as_location(folder: Path | str) -> str:
    """A folder or bucket as tables name it. Raises BadSetting for one that cannot be named so."""
    if isinstance(folder, str) and "://" in folder:
        return folder.rstrip("/")
    path = str(Path(folder).expanduser().absolute())
    if set(path) & set("?#%"):
        raise BadSetting(
            f"The lake cannot be in {path}: tables name their files by addresses, in which ?, # "
            "and % mean something.",
            "Set TICKSTOCK_LAKE_WAREHOUSE to another folder.",
        )
    return f"file://{path}"


@contextmanager
def translated(where: str) -> Iterator[None]:
    """What the libraries raise, as errors of ours."""
    try:
        yield
    except TickStockError:
        raise
    except DBAPIError as e:
        raise translate_and_log(e.orig, where) from e
    except (CommitFailedException, ValidationException) as e:
        raise Conflict(
            f"The table was changed by somebody else meanwhile: {_said(e)}",
            "What it held stays. Publish again.",
        ) from e
    except (UnauthorizedError, ForbiddenError, AuthorizationExpiredError) as e:
        raise CredentialsRefused(
            f"The catalog at {where} refuses: {_said(e)}",
            "Set PYICEBERG_CATALOG__TICKSTOCK__CREDENTIAL or __TOKEN.",
        ) from e
    except (ValidationError, pa.ArrowInvalid, EOFError) as e:
        raise BadFile(
            f"The metadata of a table in {where} cannot be read: {_said(e)}",
            "`tickstock lake publish --anew` makes new ones.",
        ) from e
    except FileNotFoundError as e:
        raise BadFile(
            f"A file of a table in {where} is not there: {_said(e)}",
            "`tickstock lake publish --anew` makes new ones.",
        ) from e
    except (RESTError, OSError) as e:
        raise Transient(
            f"The lake in {where} does not answer, or refuses: {_said(e)}",
            "Look at TICKSTOCK_LAKE_WAREHOUSE and TICKSTOCK_LAKE_CATALOG, and try again: what was "
            "published stays.",
        ) from e


def _said(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[:300].rstrip('.')}."


def _texts(values: Mapping[str, object]) -> Properties:
    return {name: str(value) for name, value in values.items() if not isinstance(value, Mapping)}
