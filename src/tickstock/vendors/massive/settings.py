"""What can be set for an account at Massive, and for all that stands in for it."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, SecretStr

from tickstock.vendors.spec import VendorSettings

NO_KEY = "Set MASSIVE_API_KEY, or TICKSTOCK_VENDOR=synthetic to try without one."


class MassiveSettings(VendorSettings):
    """The account: its key, its call limit, its way to flat files."""

    prefix: ClassVar[str] = "massive"

    api_key: SecretStr | None = Field(None, description="key of the vendor account")
    base_url: str = Field("https://api.massive.com", description="where the vendor answers")
    calls_per_minute: float = Field(
        5.0, ge=0, description="the account's call limit; 0 where none binds"
    )
    publication_lag_hours: float = Field(
        8.0, ge=0, le=96, description="hours after a session's close until its bars are final"
    )
    s3_key_id: SecretStr | None = Field(None, description="access key of the vendor's flat files")
    s3_secret: SecretStr | None = Field(None, description="secret key of the vendor's flat files")
    s3_endpoint: str = Field(
        "https://files.massive.com", description="where the vendor's flat files are"
    )

    @property
    def publication_lag(self) -> timedelta:
        return timedelta(hours=self.publication_lag_hours)

    @property
    def has_s3(self) -> bool:
        """Whether the vendor's flat files can be had beside its calls."""
        return self.s3_key_id is not None and self.s3_secret is not None
