"""How the installation is doing: workers, budget, database, schema. For people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tickstock.clock import Clock
from tickstock.config import Settings
from tickstock.errors import DatabaseUnavailable, TickStockError
from tickstock.extras import need
from tickstock.loading.account import AccountLimits, account_text
from tickstock.service.account import standing_limits
from tickstock.service.vendor import vendor_limits
from tickstock.sessions import shipped_calendar
from tickstock.store import migrate, system, workers
from tickstock.store.database import Database
from tickstock.store.system import BudgetRow, LeaseRow, Sizes
from tickstock.store.workers import WorkerRow

REDIS_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class System:
    workers: tuple[WorkerRow, ...]
    leases: tuple[LeaseRow, ...]
    budgets: tuple[BudgetRow, ...]
    sizes: Sizes
    address: str
    server: str
    steps: tuple[str, ...]
    pending: tuple[str, ...]
    vendor: str
    environment: str
    calls_per_minute: float
    account: AccountLimits

    @property
    def account_text(self) -> str:
        """What the account includes, as far as refusals have told; empty where none has."""
        return account_text(self.account)

    @property
    def alive(self) -> int:
        """How many worker processes are alive."""
        return sum(map(is_alive, self.workers))


def look(database: Database, settings: Settings, clock: Clock) -> System:
    """Everything, from one transaction. Raises what the database raises."""
    with database.transaction() as connection:
        schema = migrate.status(connection)
        version = connection.info.server_version
        known = () if schema.pending else standing_limits(connection, settings, clock)
        where = "embedded" if database.server else "DATABASE_URI"
        return System(
            tuple(workers.known(connection)),
            tuple(system.leases(connection)),
            tuple(system.budgets(connection)),
            system.sizes(connection),
            database.safe_uri,
            f"PostgreSQL {version // 10000}.{version % 10000} ({where})",
            tuple(f"{a.version} {a.name}" for a in schema.applied if a.part == migrate.OURS),
            tuple(str(step) for step in schema.pending),
            settings.vendor,
            settings.environment,
            vendor_limits(settings, shipped_calendar(), clock()).calls_per_minute,
            known,
        )


def is_alive(worker: WorkerRow) -> bool:
    """Whether a worker process was heard of just now."""
    return worker.seconds < workers.ALIVE_SECONDS


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured over time. `sums` by name and label; `limit` in calls a minute, 0 for none;
    `seconds` of leases and budgets as in `LeaseRow` and `BudgetRow`."""

    loads: dict[str, int]
    calls: dict[str, int]
    sums: dict[tuple[str, str], int]
    budgets: tuple[BudgetRow, ...]
    leases: tuple[LeaseRow, ...]
    alive: int
    bytes: int
    bars: int
    limit: float

    def counts(self, name: str) -> dict[str, int]:
        """The sums of one name, by label."""
        return {label: n for (of, label), n in self.sums.items() if of == name}


def figures(database: Database, settings: Settings, clock: Clock) -> Figures:
    """The figures as they are now, from one transaction. Raises what the database raises."""
    with database.transaction() as connection:
        sizes = system.sizes(connection)
        return Figures(
            system.load_states(connection),
            system.call_states(connection),
            workers.counts(connection),
            tuple(system.budgets(connection)),
            tuple(system.leases(connection)),
            sum(map(is_alive, workers.known(connection))),
            sizes.bytes,
            sizes.bars,
            vendor_limits(settings, shipped_calendar(), clock()).calls_per_minute,
        )


def ask_redis(url: str, seconds: float = 3.0) -> str:
    """`answers`, when the Redis of existing clients does within `seconds`.

    Raises DatabaseUnavailable when it does not, MissingExtra without the library for it.
    """
    redis = need("redis")
    limits = {"socket_connect_timeout": seconds, "socket_timeout": seconds}
    try:
        with redis.Redis.from_url(url, **limits) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as e:
        raise DatabaseUnavailable(
            f"Redis does not answer ({type(e).__name__}).",
            "Jobs go on without it; its clients see nothing. Check REDIS_URL.",
        ) from None
    return "answers"


@dataclass(frozen=True, slots=True)
class RedisState:
    """The Redis of existing clients: `address` is empty where none is set; `trouble` where it is
    well. Never holds a password."""

    address: str
    trouble: str = ""


def look_at_redis(settings: Settings) -> RedisState:
    """Where Redis is, and whether it answers within half a second."""
    if settings.redis_url is None:
        return RedisState("")
    url = settings.redis_url.get_secret_value()
    place = urlsplit(url)
    address = f"{place.hostname or place.path}:{place.port or 6379}"
    try:
        ask_redis(url, REDIS_SECONDS)
    except TickStockError as e:
        return RedisState(address, str(e))
    return RedisState(address)
