"""The settings of Stripe's API, which is only ever read from; without a key nothing is."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator

_HTTP = re.compile(r"^https?://[^/?#\s]+[^?#\s]*$")
_STRIPE_KEY = re.compile(r"^[sr]k_[A-Za-z0-9_]+$")


class StripeApiSettings(BaseModel):
    """Where Stripe's API is, and how often it may be asked."""

    # Stripe's API
    stripe_api_key: SecretStr | None = Field(
        None,
        alias="STRIPE_API_KEY",
        description="Key with which thin events' objects are read, and subscriptions whose events leave their order open, or that a paid checkout names before their own events come. A restricted key that reads events, subscriptions, invoices and checkout sessions will do. Without it thin events are dead-lettered.",
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com", alias="STRIPE_API_BASE", description="Where Stripe's API is."
    )
    stripe_api_rate: Annotated[float, Field(gt=0, le=100)] = Field(
        25.0,
        description="Reads a second from each lifecycle worker. Stripe allows 100 in live mode and 25 in a sandbox, to all of an account's programs together.",
    )
    stripe_api_timeout: Annotated[float, Field(gt=0)] = Field(
        10.0, description="Seconds that Stripe may take to answer."
    )
    stripe_reads_topic: str = Field(
        "stripe.reads", description="Topic of what is to be read from Stripe; used with STRIPE_API_KEY."
    )
    stripe_waiting_topic: str = Field(
        "stripe.waiting",
        description="Topic of events that wait for what another event brings: a paid checkout for its subscription, and any event for its subject.",
    )

    @field_validator("stripe_api_base")
    @classmethod
    def _stripe_address(cls, value: str) -> str:
        if not _HTTP.match(value):
            raise ValueError(f"{value!r} must be an address such as https://api.stripe.com")
        return value

    @field_validator("stripe_api_key")
    @classmethod
    def _stripe_key(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value()
        if key and not _STRIPE_KEY.match(key):
            raise ValueError("must be a secret or restricted key; those begin with sk_ or rk_")
        return value
