"""One frozen `Settings`, read once at the edge and handed down.

What can be set for a vendor is that vendor's to say (`VendorSettings`); here it is found, read and
checked with the rest.

Sources, later ones win: defaults, `tickstock.toml` in the home folder, `tickstock.toml` in the
current folder, environment variables, command-line options.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from tickstock.errors import BadSetting
from tickstock.private import SEALED
from tickstock.sealed_bucket import bucket_at
from tickstock.sealed_place import SealedWhere
from tickstock.vendors import registry
from tickstock.vendors.spec import VendorSettings

FILE = "tickstock.toml"

VARIABLES = {
    "DATABASE_URI": "database_uri",
    "TICKSTOCK_HOME": "home",
    "TICKSTOCK_ENVIRONMENT": "environment",
    "TICKSTOCK_VENDOR": "vendor",
    "TICKSTOCK_UNIVERSES": "universes",
    "TICKSTOCK_CSV_DIR": "csv_dir",
    "TICKSTOCK_LOG_LEVEL": "log_level",
    "TICKSTOCK_LEASE_SECONDS": "lease_seconds",
    "TICKSTOCK_JOBS_KEPT_DAYS": "jobs_kept_days",
    "TICKSTOCK_METRICS_TOKEN": "metrics_token",
    "TICKSTOCK_BAR_FILES": "bar_files",
    "TICKSTOCK_SEALED_FILES": "sealed_files",
    "TICKSTOCK_S3_ENDPOINT": "s3_endpoint",
    "TICKSTOCK_LAKE_WAREHOUSE": "lake_warehouse",
    "TICKSTOCK_LAKE_CATALOG": "lake_catalog",
    "TICKSTOCK_LAKE_NAMESPACE": "lake_namespace",
    "TICKSTOCK_LAKE_SNAPSHOTS": "lake_snapshots",
    "REDIS_URL": "redis_url",
    "REDIS_HOST": "redis_host",
    "REDIS_PORT": "redis_port",
}
"""Environment variable → setting, of the program itself. Those of vendors: `known_settings`."""

S = TypeVar("S", bound=VendorSettings)


def default_home() -> Path:
    return user_data_path("tickstock", appauthor=False)


class Settings(BaseModel):
    """What a person may set. Secrets are masked in every printed form."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_uri: SecretStr | None = Field(
        None, description="PostgreSQL to use, in any libpq form; without it one is started"
    )
    home: Path = Field(
        default_factory=default_home, description="folder for the embedded database and the logs"
    )
    environment: str = Field(
        "DEFAULT", min_length=1, max_length=64, description="which rows of cache_entries are ours"
    )
    vendor: str = Field(
        "massive",
        description="massive, flatfiles, flatfiles:FOLDER, synthetic, replay, replay:FOLDER, "
        "replay:market=TICKERS@YEAR, or one that an installed package adds",
    )
    universes: Path | None = Field(None, description="folder with universe definitions of your own")
    csv_dir: Path = Field(
        Path("data/universes"), description="the one folder that CSV universes are read from"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    lease_seconds: float = Field(
        30.0, ge=1, le=3600, description="silence after which a worker's calls go to another"
    )
    jobs_kept_days: float = Field(
        90.0, gt=0, description="age at which `jobs prune` forgets jobs that have ended"
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="bearer token with which Prometheus may read /metrics"
    )
    bar_files: str = Field(
        "on",
        min_length=1,
        description="files that day bars are read from, faster: `on` (in the home folder), `off`, "
        "or a folder for them",
    )
    sealed_files: str = Field(
        "home",
        min_length=1,
        description="where sealed minute and hour bars are, which are nowhere else: `home` (in the "
        "home folder), a folder, or s3://BUCKET/FOLDER",
    )
    s3_endpoint: str | None = Field(
        None,
        pattern="^https?://[^@]+$",
        description="address of an S3 server that is not Amazon's, for sealed bars and the lake",
    )
    lake_warehouse: str = Field(
        "home",
        min_length=1,
        description="where `lake publish` puts tables for other engines: `home` (in the home "
        "folder), a folder, or s3://BUCKET/FOLDER",
    )
    lake_catalog: str = Field(
        "database",
        min_length=1,
        description="what knows where these tables are: `database` (the same one), or the address "
        "of an Iceberg REST catalog",
    )
    lake_namespace: str = Field(
        "tickstock",
        pattern="^[a-z][a-z0-9_]{0,62}$",
        description="what the tables stand under in the catalog",
    )
    lake_snapshots: int = Field(
        10, ge=1, le=1000, description="how many publishes of each table can still be read"
    )
    redis_url: SecretStr | None = Field(None, description="Redis for existing clients; optional")

    by_prefix: dict[str, VendorSettings] = Field(default_factory=dict)
    """What was set for vendors; given as `massive_api_key` and the like."""

    @field_validator("database_uri", mode="before")
    @classmethod
    def _none_for_empty(cls, given: str | SecretStr | None) -> str | SecretStr | None:
        """So an option can say that the embedded database is meant, whatever else is set."""
        return given or None

    @model_validator(mode="before")
    @classmethod
    def _sort(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Hand each vendor what was set for it."""
        own = {name: value for name, value in values.items() if name in cls.model_fields}
        groups: dict[type[VendorSettings], dict[str, Any]] = {}
        for name, value in values.items():
            if name not in own:
                kind = _vendor_setting(name)
                groups.setdefault(kind, {})[name.removeprefix(f"{kind.prefix}_")] = value
        found = {kind.prefix: _validated(kind, group) for kind, group in groups.items()}
        return own | {"by_prefix": own.get("by_prefix", {}) | found}

    def of_vendor(self, kind: type[S]) -> S:
        """What is set for a vendor, or its defaults.

        Raises:
            BadSetting: something that it needs is not set.
        """
        found = self.by_prefix.get(kind.prefix)
        return found if isinstance(found, kind) else _validated(kind, {})

    @property
    def secrets(self) -> tuple[str, ...]:
        """All values that never leave the program, nor stand in its log."""
        models: tuple[BaseModel, ...] = (self, *self.by_prefix.values())
        values = [getattr(m, name) for m in models for name in type(m).model_fields]
        return tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr))

    @property
    def bar_files_folder(self) -> Path | None:
        """Where bar files are; None where they are switched off."""
        if self.bar_files in ("on", "off"):
            return self.home / "bars" if self.bar_files == "on" else None
        return Path(self.bar_files).expanduser()

    @property
    def sealed_where(self) -> SealedWhere:
        """Where sealed files are. Raises BadSetting for an address that is none."""
        if self.sealed_files == "home":
            return self.home / SEALED
        if "://" in self.sealed_files:
            return bucket_at(self.sealed_files, self.s3_endpoint)
        return Path(self.sealed_files).expanduser()

    @property
    def lake_folder(self) -> Path | str:
        """Where tables for other engines are: a folder, or the address of a bucket."""
        if self.lake_warehouse == "home":
            return self.home / "lake"
        is_address = "://" in self.lake_warehouse
        return self.lake_warehouse if is_address else Path(self.lake_warehouse).expanduser()

    @property
    def log_file(self) -> Path:
        return self.home / "logs" / "tickstock.log"


@dataclass(frozen=True, slots=True)
class KnownSetting:
    """A setting that exists: its `name` in a file, its `variable` in the environment."""

    name: str
    variable: str
    default: Any
    description: str
    secret: bool
    kind: type[BaseModel]
    field: str

    def value(self, settings: Settings) -> Any:
        """What it is set to, or its default."""
        if issubclass(self.kind, VendorSettings):
            return getattr(settings.of_vendor(self.kind), self.field)
        return getattr(settings, self.field)


def known_settings(vendor: str = "") -> tuple[KnownSetting, ...]:
    """Every setting there is: the program's, those of its own vendors, and those of `vendor`."""
    own = (
        _known(Settings, name, name, variable)
        for variable, name in VARIABLES.items()
        if name in Settings.model_fields
    )
    of_vendors = (
        _known(kind, field, kind.setting(field), kind.variable(field))
        for kind in _vendor_kinds(vendor)
        for field in kind.model_fields
    )
    return (*own, *of_vendors)


def variables(vendor: str = "") -> dict[str, str]:
    """Environment variable → setting, for all that `known_settings` gives, and REDIS_HOST and
    REDIS_PORT."""
    return VARIABLES | {known.variable: known.name for known in known_settings(vendor)}


def _known(kind: type[BaseModel], field: str, name: str, variable: str) -> KnownSetting:
    info = kind.model_fields[field]
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    secret = "SecretStr" in str(info.annotation)
    return KnownSetting(name, variable, default, info.description or "", secret, kind, field)


def _vendor_kinds(vendor: str = "") -> Iterator[type[VendorSettings]]:
    """The settings of our own vendors and of `vendor`, each once."""
    seen: set[str] = set()
    for name in (*registry.OWN, vendor.partition(":")[0]):
        spec = registry.named(name) if name else None
        if spec is not None and spec.settings.prefix not in seen:
            seen.add(spec.settings.prefix)
            yield spec.settings


def _all_vendors() -> Iterator[str]:
    """Ours first: what is installed is looked up for settings of others alone."""
    yield from registry.OWN
    yield from registry.names()


def _vendor_setting(name: str) -> type[VendorSettings]:
    """The settings of the vendor that a setting's name begins with.

    Raises:
        BadSetting: there is no such vendor, or it has no such setting.
    """
    owner = next((v for v in _all_vendors() if name.startswith(f"{v}_")), "")
    spec = registry.named(owner) if owner else None
    kind = spec.settings if spec else VendorSettings
    if kind.prefix == owner and name.removeprefix(f"{owner}_") in kind.model_fields:
        return kind
    names = [known.name for known in known_settings()]
    near = difflib.get_close_matches(name, names, 1)
    hint = f"Did you mean {near[0]}?" if near else "`tickstock config show` lists them."
    raise BadSetting(f"There is no setting {name!r}.", hint)


def _validated(kind: type[S], values: Mapping[str, Any]) -> S:
    try:
        return kind.model_validate(values)
    except ValidationError as e:
        names = {field: kind.variable(field) for field in kind.model_fields}
        raise BadSetting(_explain(e, names)) from None


def read_settings(
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    **options: Any,
) -> Settings:
    """Settings from files, `environ` and `options` (those that are not None).

    Raises:
        BadSetting: a file that cannot be read, an unknown name, a value that does not fit.
    """
    values: dict[str, Any] = {}
    for _, layer in _layers(environ, cwd, options):
        values |= layer
    values["home"] = Path(values.get("home") or default_home()).expanduser()
    try:
        return Settings.model_validate(values)
    except ValidationError as e:
        raise BadSetting(_explain(e, {name: v for v, name in VARIABLES.items()})) from None


def sources(
    environ: Mapping[str, str] | None = None, cwd: Path | None = None, **options: Any
) -> dict[str, str]:
    """Where each setting comes from: `default`, a file, `environment`, or `option`. Raises as
    `read_settings`."""
    layers = _layers(environ, cwd, options)
    vendor = next((layer["vendor"] for _, layer in reversed(layers) if "vendor" in layer), "")
    found = {known.name: "default" for known in known_settings(vendor)}
    for source, layer in layers:
        found |= dict.fromkeys(layer, source)
    return found


def _layers(
    environ: Mapping[str, str] | None, cwd: Path | None, options: Mapping[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """What is set, by source; later ones win."""
    env = os.environ if environ is None else environ
    given = {k: v for k, v in options.items() if v is not None}
    from_env = _from_environment(env, VARIABLES)
    _redis_url(from_env)
    home = Path(given.get("home") or from_env.get("home") or default_home()).expanduser()
    files = dict.fromkeys((home / FILE, (cwd or Path.cwd()) / FILE))
    from_files = [(str(file), _from_file(file)) for file in files]
    chosen = [
        layer["vendor"]
        for layer in (given, from_env, *(f for _, f in reversed(from_files)))
        if "vendor" in layer
    ]
    of_vendors = _from_environment(env, variables(str(chosen[0]) if chosen else ""))
    from_env = of_vendors | from_env
    return [*from_files, ("environment", dict(from_env)), ("option", given)]


def _from_environment(env: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {setting: env[name] for name, setting in names.items() if env.get(name)}


def _redis_url(values: dict[str, str]) -> None:
    """REDIS_HOST and REDIS_PORT, which existing clients set, become one address."""
    host, port = values.pop("redis_host", None), values.pop("redis_port", "6379")
    if host and "redis_url" not in values:
        values["redis_url"] = f"redis://{quote(host, safe=':[]')}:{port}/0"


def _from_file(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise BadSetting(f"The settings file {file} cannot be read: {e}.", "Fix or move it.") from e
    if "home" in found:
        raise BadSetting(
            f"The settings file {file} names a home folder, which is looked up before any file.",
            "Take it out; set TICKSTOCK_HOME or give --home instead.",
        )
    for name in found:
        if name not in VARIABLES.values():
            try:
                _vendor_setting(name)
            except BadSetting as e:
                raise BadSetting(
                    f"The settings file {file} names an unknown setting {name!r}.", e.hint
                ) from None
    return found


def _explain(error: ValidationError, names: Mapping[str, str]) -> str:
    """What does not fit, by the `names` of the settings."""
    parts = []
    for e in error.errors(include_url=False, include_input=False):
        field = str(e["loc"][0])
        parts.append(f"The setting {names.get(field, field)} does not fit: {e['msg']}.")
    return " ".join(parts)
