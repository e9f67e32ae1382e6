"""A REST catalog of Iceberg tables over a socket, with what a publish asks of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pyiceberg.catalog.rest import (
    ConfigResponse,
    CreateTableRequest,
    NamespaceResponse,
    TableResponse,
)
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchNamespaceError,
    NoSuchTableError,
)
from pyiceberg.table import CommitTableRequest, Table
from pyiceberg.typedef import IcebergBaseModel

STATUS = {NoSuchTableError: 404, NoSuchNamespaceError: 404, CommitFailedException: 409}


class RestServer(ThreadingHTTPServer):
    """`meanwhile` is done once, before the next commit."""

    def __init__(self, catalog: SqlCatalog) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.catalog = catalog
        self.meanwhile: Callable[[], object] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    server: RestServer

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            found = self.found(self.path.split("?")[0].strip("/").split("/")[1:], body)
            self.say(200, found.model_dump_json(by_alias=True) if found else "")
        except tuple(STATUS) as e:
            name, code = type(e).__name__, STATUS[type(e)]
            self.say(code, f'{{"error": {{"message": "no", "type": "{name}", "code": {code}}}}}')

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def found(self, path: list[str], body: bytes) -> IcebergBaseModel | None:
        catalog = self.server.catalog
        match self.command, path:
            case "GET", ["config"]:
                return ConfigResponse()
            case "POST", ["namespaces"]:
                (space,) = NamespaceResponse.model_validate_json(body).namespace
                catalog.create_namespace_if_not_exists(space)
                return NamespaceResponse(namespace=(space,))
            case "POST", ["namespaces", space, "tables"]:
                asked = CreateTableRequest.model_validate({"location": None} | json.loads(body))
                return self.table(catalog.create_table(
                    (space, asked.name), asked.table_schema, properties=asked.properties,
                    partition_spec=asked.partition_spec,
                ))  # fmt: skip
            case "GET", ["namespaces", space, "tables", name]:
                return self.table(catalog.load_table((space, name)))
            case "POST", ["namespaces", space, "tables", name]:
                if meanwhile := self.server.meanwhile:
                    self.server.meanwhile = None
                    meanwhile()
                change = CommitTableRequest.model_validate_json(body)
                table = catalog.load_table((space, name))
                return catalog.commit_table(table, change.requirements, change.updates)
        raise AssertionError(f"nobody thought of {self.command} {path}")

    def table(self, table: Table) -> TableResponse:
        location = table.metadata_location
        return TableResponse(metadata=table.metadata, **{"metadata-location": location})

    def say(self, code: int, text: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Not on the terminal."""


@contextmanager
def serving(folder: Path) -> Iterator[RestServer]:
    """A catalog whose tables are in `folder`."""
    folder.mkdir()
    uri = f"sqlite:///{folder / 'catalog.db'}"
    with SqlCatalog("theirs", uri=uri, warehouse=f"file://{folder}") as catalog:
        server = RestServer(catalog)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="catalog")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
