"""One frozen `Settings`, read once at the edge and handed down.

Sources, later ones win: defaults, `tickstock.toml` in the home folder, `tickstock.toml` in the
current folder, environment variables, command-line options.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from tickstock.errors import BadSetting

FILE = "tickstock.toml"

VARIABLES = {
    "DATABASE_URI": "database_uri",
    "TICKSTOCK_HOME": "home",
    "TICKSTOCK_ENVIRONMENT": "environment",
    "TICKSTOCK_VENDOR": "vendor",
    "TICKSTOCK_UNIVERSES": "universes",
    "TICKSTOCK_CSV_DIR": "csv_dir",
    "TICKSTOCK_LOG_LEVEL": "log_level",
    "MASSIVE_API_KEY": "massive_api_key",
    "MASSIVE_BASE_URL": "massive_base_url",
    "MASSIVE_CALLS_PER_MINUTE": "massive_calls_per_minute",
    "MASSIVE_PUBLICATION_LAG_HOURS": "massive_publication_lag_hours",
    "MASSIVE_S3_KEY_ID": "massive_s3_key_id",
    "MASSIVE_S3_SECRET": "massive_s3_secret",
    "MASSIVE_S3_ENDPOINT": "massive_s3_endpoint",
    "TICKSTOCK_LEASE_SECONDS": "lease_seconds",
    "TICKSTOCK_JOBS_KEPT_DAYS": "jobs_kept_days",
    "TICKSTOCK_METRICS_TOKEN": "metrics_token",
    "REDIS_URL": "redis_url",
    "REDIS_HOST": "redis_host",
    "REDIS_PORT": "redis_port",
}
"""Environment variable → setting. The reference page of the settings is made from this."""


SECRETS = (
    "database_uri",
    "massive_api_key",
    "massive_s3_key_id",
    "massive_s3_secret",
    "metrics_token",
    "redis_url",
)
"""Settings that never leave the program, nor stand in its log."""


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
        description="massive, flatfiles, flatfiles:FOLDER, synthetic, replay or replay:FOLDER",
    )
    universes: Path | None = Field(None, description="folder with universe definitions of your own")
    csv_dir: Path = Field(
        Path("data/universes"), description="the one folder that CSV universes are read from"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    massive_api_key: SecretStr | None = Field(None, description="key of the vendor account")
    massive_base_url: str = Field("https://api.massive.com", description="where the vendor answers")
    massive_calls_per_minute: float = Field(
        5.0, ge=0, description="the account's call limit; 0 where none binds"
    )
    massive_publication_lag_hours: float = Field(
        8.0, ge=0, le=96, description="hours after a session's close until its bars are final"
    )
    massive_s3_key_id: SecretStr | None = Field(
        None, description="access key of the vendor's flat files"
    )
    massive_s3_secret: SecretStr | None = Field(
        None, description="secret key of the vendor's flat files"
    )
    massive_s3_endpoint: str = Field(
        "https://files.massive.com", description="where the vendor's flat files are"
    )
    lease_seconds: float = Field(
        30.0, ge=1, le=3600, description="silence after which a worker's calls go to another"
    )
    jobs_kept_days: float = Field(
        90.0, gt=0, description="age at which `jobs prune` forgets loads that have ended"
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="bearer token with which Prometheus may read /metrics"
    )
    redis_url: SecretStr | None = Field(None, description="Redis for existing clients; optional")

    @property
    def publication_lag(self) -> timedelta:
        return timedelta(hours=self.massive_publication_lag_hours)

    @property
    def has_s3(self) -> bool:
        """Whether the vendor's flat files can be had beside its calls."""
        return self.massive_s3_key_id is not None and self.massive_s3_secret is not None

    @property
    def log_file(self) -> Path:
        return self.home / "logs" / "tickstock.log"


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
        raise BadSetting(_explain(e)) from None


def sources(
    environ: Mapping[str, str] | None = None, cwd: Path | None = None, **options: Any
) -> dict[str, str]:
    """Where each setting comes from: `default`, a file, `environment`, or `option`. Raises as
    `read_settings`."""
    found = dict.fromkeys(Settings.model_fields, "default")
    for source, layer in _layers(environ, cwd, options):
        found |= dict.fromkeys(layer, source)
    return found


def _layers(
    environ: Mapping[str, str] | None, cwd: Path | None, options: Mapping[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """What is set, by source; later ones win."""
    env = os.environ if environ is None else environ
    given = {k: v for k, v in options.items() if v is not None}
    from_env = {field: env[name] for name, field in VARIABLES.items() if env.get(name)}
    _redis_url(from_env)
    home = Path(given.get("home") or from_env.get("home") or default_home()).expanduser()
    files = dict.fromkeys((home / FILE, (cwd or Path.cwd()) / FILE))
    from_files = [(str(file), _from_file(file)) for file in files]
    return [*from_files, ("environment", dict(from_env)), ("option", given)]


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
        raise BadSetting(
            f"The settings file {file} cannot be read: {e}.", "Mend or move it."
        ) from e
    if "home" in found:
        raise BadSetting(
            f"The settings file {file} names a home folder, which is looked up before any file.",
            "Take it out; set TICKSTOCK_HOME or give --home instead.",
        )
    for name in found:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, Settings.model_fields, 1)
            hint = f"Did you mean {near[0]}?" if near else "`tickstock config show` lists them."
            raise BadSetting(f"The settings file {file} names an unknown setting {name!r}.", hint)
    return found


def _explain(error: ValidationError) -> str:
    names = {field: name for name, field in VARIABLES.items()}
    parts = []
    for e in error.errors(include_url=False, include_input=False):
        field = str(e["loc"][0])
        parts.append(f"The setting {names.get(field, field)} does not fit: {e['msg']}.")
    return " ".join(parts)
