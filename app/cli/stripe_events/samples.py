"""One event of a type by name, as `tollbridge send --type` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.cli.stripe_events.checkout import checkout_session
from app.cli.stripe_events.envelope import Json, event, make_id
from app.cli.stripe_events.invoice import failed_invoice, paid_invoice
from app.cli.stripe_events.subscription import MONTH, Subscribed, subscription

Maker = Callable[[str, Subscribed, int], Json]


def sample_types() -> tuple[str, ...]:
    """Return the types that `sample` can make."""
    return tuple(_MAKERS)


def sample(event_type: str, who: Subscribed, *, at: int, account: str | None = None) -> Json:
    """Return one event of `event_type` that happens at `at`. Raises KeyError for a type it cannot make."""
    made = _MAKERS[event_type](event_type, who, at)
    return made if account is None else {**made, "account": account}


def _created(event_type: str, who: Subscribed, at: int) -> Json:
    return event(event_type, subscription(who, "active"), created=at)


def _updated(event_type: str, who: Subscribed, at: int) -> Json:
    now = subscription(who, "active", period_start=at)
    before = subscription(who, "past_due", period_start=at - MONTH)
    changed = ("status", "items")
    return event(event_type, now, created=at, previous={name: before[name] for name in changed})


def _deleted(event_type: str, who: Subscribed, at: int) -> Json:
    gone = subscription(who, "canceled", canceled_at=at, ended_at=at, reason="cancellation_requested")
    return event(event_type, gone, created=at)


def _paid(event_type: str, who: Subscribed, at: int) -> Json:
    return event(event_type, paid_invoice(who, make_id("in"), at=at), created=at)


def _failed(event_type: str, who: Subscribed, at: int) -> Json:
    return event(event_type, failed_invoice(who, make_id("in"), at=at), created=at)


def _completed(event_type: str, who: Subscribed, at: int) -> Json:
    session = checkout_session(who, make_id("cs_live" if who.livemode else "cs_test"), at=at)
    return event(event_type, session, created=at)


_MAKERS: Mapping[str, Maker] = {
    "checkout.session.completed": _completed,
    "customer.subscription.created": _created,
    "customer.subscription.updated": _updated,
    "customer.subscription.deleted": _deleted,
    "invoice.paid": _paid,
    "invoice.payment_succeeded": _paid,
    "invoice.payment_failed": _failed,
}
