"""What several tests of the page are made on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.web_kit import Client, Running, quiet
from tickstock.service.access import Role


@pytest.fixture(scope="module")
def page(cluster: Cluster, template: str, home: Path) -> Iterator[Running]:
    """Without a worker: what is submitted waits."""
    with quiet(cluster, template, home) as found:
        yield found


@pytest.fixture
def client(page: Running) -> Client:
    """An admin of the page, or of the one that a file has in its place."""
    return page.client(Role.ADMIN)
