"""What the proofs share: a zygote and databases to begin in, made once a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.redis_fixtures import RedisServer
from tests.reliability.rig import Rig
from tests.reliability.zygote import Zygote, zygote


@pytest.fixture(scope="session")
def forks() -> Iterator[Zygote]:
    with zygote() as started:
        yield started


@pytest.fixture(scope="session")
def rig(
    cluster: Cluster,
    template: str,
    home: Path,
    forks: Zygote,
    redis_process: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Rig:
    made = Rig(cluster, home, forks, redis_process, tmp_path_factory.mktemp("rig"))
    redis_process.start()
    made.prepare(template)
    return made
