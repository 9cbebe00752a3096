"""Label values that come from outside, made few: an unbounded label is a memory leak in two programs."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.metrics.labels import DEAD_LETTER_REASONS

OTHER = "other"
NONE = "none"

# The types that mean something to us, and those that we are most likely to be asked about next.
KNOWN_TYPES = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.pending_update_applied",
        "customer.subscription.pending_update_expired",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.payment_succeeded",
        # Ours: what was read from Stripe.
        "tollbridge.subscription.gone",
        "tollbridge.subscription.read",
    }
)
_API_VERSION = re.compile(r"^20\d\d-\d\d-\d\d(\.[a-z_]{1,24})?$")
MAX_API_VERSIONS = 20


def bounded_type(event_type: str | None) -> str:
    """Return a Stripe event type as a label: itself when known, else 'other'; 'none' without one."""
    if event_type is None:
        return NONE
    return event_type if event_type in KNOWN_TYPES else OTHER


def bounded_reason(reason: str) -> str:
    """Return why a message was dead-lettered as a label: itself when known, else 'other'."""
    return reason if reason in DEAD_LETTER_REASONS else OTHER


class BoundedVersions:
    """Stripe API versions as label values: the first twenty that look like one, then 'other'."""

    def __init__(
        self, on_new: Callable[[str], None] = lambda _version: None, *, limit: int = MAX_API_VERSIONS
    ) -> None:
        """Have `on_new` called once with each new version that becomes a label."""
        self._on_new = on_new
        self._limit = limit
        self._seen: set[str] = set()

    def label(self, version: str | None) -> str:
        """Return the label for `version`; 'none' without one."""
        if not version:
            return NONE
        if version in self._seen:
            return version
        if len(self._seen) >= self._limit or not _API_VERSION.match(version):
            return OTHER
        self._seen.add(version)
        self._on_new(version)
        return version
