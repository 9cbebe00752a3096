"""A small model of Stripe: subscriptions that live, and the events and facts that this makes.

It knows nothing of Tollbridge's rules. An update's `previous_attributes` are computed as Stripe does: the old
values of what changed, hashes in part, arrays whole. Event ids say nothing about order, and several actions
may fall in one second.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests import stripe_shapes as shapes
from tests.stripe_shapes import Json

RENDERINGS: dict[str, Callable[[Json], Json]] = {
    shapes.API_VERSION: copy.deepcopy,
    shapes.BEFORE_BASIL: shapes.before_basil,
    shapes.BEFORE_PRICES: shapes.before_prices,
    shapes.BEFORE_ITEMS: shapes.before_items,
}
PRICES = ("price_basic", "price_pro", "price_max")


@dataclass
class History:
    """What Stripe sent, in the order in which it happened, and what is true in the end.

    `facts` are the facts' ids with account and mode; `truth` is each subscription's last object.
    """

    events: list[Json] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)
    truth: dict[str, Json] = field(default_factory=dict)

    def add(self, other: History) -> None:
        self.events += other.events
        self.facts |= other.facts
        self.truth |= other.truth


class Life:
    """One subscription's life at Stripe, with its invoices and its checkout."""

    def __init__(
        self,
        name: str,
        *,
        customer: str = "cus_1",
        account: str | None = None,
        livemode: bool = True,
        api_version: str = shapes.API_VERSION,
    ) -> None:
        self.history = History()
        self.now = shapes.NOON
        self._name = name
        self._account = account
        self._livemode = livemode
        self._api_version = api_version
        self._customer = customer
        self._invoices = 0
        self._owed: Json | None = None
        self._sub: Json | None = None

    @property
    def scope(self) -> str:
        return f"{self._account or 'platform'}|{'live' if self._livemode else 'test'}"

    @property
    def status(self) -> str | None:
        return None if self._sub is None else self._sub["status"]

    # What may happen. Each does nothing where Stripe would not let it happen.

    def subscribe(self, how: str) -> None:
        """Begin: active, trialing, incomplete, or through a checkout: paid, late, trial or not paid by it."""
        if self._sub is not None:
            return
        status = {"trial": "trialing", "checkout_trial": "trialing", "active": "active"}.get(
            how, "incomplete"
        )
        self._sub = shapes.subscription(
            f"sub_{self._name}",
            customer=self._customer,
            created=self.now,
            status=status,
            livemode=self._livemode,
            latest_invoice=None,
            items=shapes.listing(self._item("price_basic", 1)),
            metadata={"tenant": f"t_{self._name}"},
        )
        if status == "trialing":
            self._sub["trial_start"], self._sub["trial_end"] = self.now, self.now + 14 * 86400
        invoice = self._bill("subscription_create", 0 if status == "trialing" else 2900)
        self._sub["latest_invoice"] = invoice["id"]
        self._send("customer.subscription.created", self._sub)
        if status != "incomplete":
            self._started()
            self._paid(invoice)
        if how == "checkout_lapsed":
            self._checkout("completed", "unpaid")
        elif how.startswith("checkout"):
            late = how == "checkout_delayed"
            if late:
                self._checkout("completed", "unpaid")
            self.pay()
            if late:
                self._checkout("async_payment_succeeded", "paid")
            else:
                self._checkout("completed", "no_payment_required" if status == "trialing" else "paid")

    def pay(self) -> None:
        """Pay what is owed; an incomplete, overdue or unpaid subscription becomes active by it."""
        if self._sub is None or self._owed is None or self._terminal():
            return
        self._paid(self._owed)
        if self.status in {"incomplete", "past_due", "unpaid"}:
            self._update(status="active")
            self._started()

    def fail(self) -> None:
        """Try to collect what is owed, in vain."""
        if self._sub is None or self._owed is None or self._terminal():
            return
        owed = self._owed
        owed["attempt_count"] += 1
        owed["next_payment_attempt"] = self.now + 86400
        self._send("invoice.payment_failed", owed)
        self.history.facts.add(f"{self.scope}|payment.failed:{owed['id']}:{owed['attempt_count']}")
        if self.status in {"active", "trialing"}:
            self._update(status="past_due")
        elif owed["attempt_count"] > 3 and self.status == "past_due":
            self._update(status="unpaid")

    def renew(self) -> None:
        """Begin the next period: a new invoice, open for now."""
        if self._sub is None or self.status not in {"active", "trialing"} or self._owed is not None:
            return
        invoice = self._bill("subscription_cycle", 2900)
        entries = copy.deepcopy(self._sub["items"])
        for entry in entries["data"]:
            entry["current_period_start"] = entry["current_period_end"]
            entry["current_period_end"] += shapes.MONTH
        self._update(status="active", items=entries, latest_invoice=invoice["id"])

    def upgrade(self, price: str, quantity: int) -> None:
        """Change what is subscribed to."""
        if self._sub is None or self._terminal() or self.status == "incomplete":
            return
        entries = copy.deepcopy(self._sub["items"])
        entries["data"][0]["price"] = shapes.price(price)
        entries["data"][0]["quantity"] = quantity
        self._update(items=entries)

    def toggle_cancel_at_period_end(self) -> None:
        if self._sub is None or self._terminal() or self.status == "incomplete":
            return
        soon = not self._sub["cancel_at_period_end"]
        end = self._sub["items"]["data"][0]["current_period_end"]
        self._update(
            cancel_at_period_end=soon,
            cancel_at=end if soon else None,
            canceled_at=self.now if soon else None,
        )

    def toggle_pause_collection(self) -> None:
        if self._sub is None or self.status not in {"active", "past_due"}:
            return
        pausing = self._sub["pause_collection"] is None
        self._update(pause_collection={"behavior": "void", "resumes_at": None} if pausing else None)

    def pause(self) -> None:
        """End a trial without a payment method; resume when paused."""
        if self._sub is None:
            return
        if self.status == "trialing":
            paused = {"type": "subscription", "subscription": {"type": "trial_end_without_payment_method"}}
            self._update(status="paused", status_details={"paused": paused})
            self._send("customer.subscription.paused", self._sub)
        elif self.status == "paused":
            self._update(status="active", status_details={"paused": None})
            self._send("customer.subscription.resumed", self._sub)
            self._started()

    def end_trial(self) -> None:
        """Let the trial run out: the first invoice of money, open for now."""
        if self._sub is None or self.status != "trialing" or self._owed is not None:
            return
        invoice = self._bill("subscription_cycle", 2900)
        self._update(status="active", latest_invoice=invoice["id"])

    def pend_update(self) -> None:
        """Ask for a change that waits for its payment; asked again, let it lapse."""
        if self._sub is None or self.status not in {"active", "past_due"}:
            return
        pending = self._sub["pending_update"] is not None
        wanted = {"expires_at": self.now + 82800, "subscription_items": []}
        self._update(pending_update=None if pending else wanted)
        if pending:
            self._send("customer.subscription.pending_update_expired", self._sub)

    def remind(self) -> None:
        """Say that the trial ends soon; this changes nothing."""
        if self._sub is not None and self.status == "trialing":
            self._send("customer.subscription.trial_will_end", self._sub)

    def cancel(self) -> None:
        """End it: an incomplete one expires by an update, any other is deleted."""
        if self._sub is None or self._terminal():
            return
        if self.status == "incomplete":
            self._update(status="incomplete_expired", ended_at=self.now)
            return
        details = {**self._sub["cancellation_details"], "reason": "cancellation_requested"}
        self._sub.update(
            status="canceled", canceled_at=self.now, ended_at=self.now, cancellation_details=details
        )
        self._send("customer.subscription.deleted", self._sub)
        self.history.facts.add(f"{self.scope}|subscription.ended:{self._sub['id']}")

    def explain(self, reason: str) -> None:
        """Note a reason after the end, as Stripe allows: an update of a canceled subscription."""
        if self._sub is not None and self.status == "canceled":
            self._update(cancellation_details={**self._sub["cancellation_details"], "reason": reason})

    # How it is said.

    def _terminal(self) -> bool:
        return self.status in {"canceled", "incomplete_expired"}

    def _item(self, price: str, quantity: int) -> Json:
        return shapes.item(
            f"si_{self._name}",
            start=self.now,
            end=self.now + shapes.MONTH,
            price=shapes.price(price),
            quantity=quantity,
        )

    def _started(self) -> None:
        self.history.facts.add(f"{self.scope}|subscription.started:sub_{self._name}")

    def _bill(self, reason: str, amount: int) -> Json:
        self._invoices += 1
        invoice = shapes.unpaid_invoice(
            f"in_{self._name}_{self._invoices}",
            attempt=0,
            subscription_id=f"sub_{self._name}",
            customer=self._customer,
            billing_reason=reason,
        )
        invoice["amount_due"] = invoice["amount_remaining"] = invoice["total"] = amount
        self._owed = invoice
        return invoice

    def _paid(self, invoice: Json) -> None:
        invoice["status"] = "paid"
        invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
        invoice["status_transitions"]["paid_at"] = self.now
        self._owed = None
        self._send("invoice.paid", invoice)
        self._send("invoice.payment_succeeded", invoice)
        self.history.facts.add(f"{self.scope}|payment.success:{invoice['id']}")

    def _checkout(self, what: str, payment_status: str) -> None:
        session = shapes.checkout_session(
            f"cs_{self._name}",
            customer=self._customer,
            subscription=f"sub_{self._name}",
            payment_status=payment_status,
            client_reference_id=f"user_{self._name}",
        )
        self._send(f"checkout.session.{what}", session)

    def _update(self, **changes: Any) -> None:
        assert self._sub is not None
        before = self._rendered(self._sub)
        self._sub.update(changes)
        event_id = self._send("customer.subscription.updated", self._sub, before=before)
        self.history.facts.add(f"{self.scope}|subscription.updated:{event_id}")

    def _rendered(self, obj: Json) -> Json:
        if obj["object"] == "checkout.session":
            return copy.deepcopy(obj)
        return RENDERINGS[self._api_version](obj)

    def _send(self, event_type: str, obj: Json, *, before: Json | None = None) -> str:
        count = f"{self.scope}/{self._name}/{len(self.history.events)}"
        event_id = f"evt_{hashlib.blake2b(count.encode(), digest_size=9).hexdigest()}"
        rendered = self._rendered(obj)
        self.history.events.append(
            shapes.event(
                event_type,
                rendered,
                event_id=event_id,
                created=self.now,
                livemode=self._livemode,
                account=self._account,
                previous=None if before is None else changed(before, rendered),
                api_version=self._api_version,
            )
        )
        if obj["object"] == "subscription":
            self.history.truth[f"{self.scope}|{self._customer}|{obj['id']}"] = rendered
        return event_id


def changed(before: Json, after: Json) -> Json:
    """The old values of what differs, as `previous_attributes` has them."""
    differs: Json = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        differs[name] = changed(old, new) if both else copy.deepcopy(old)  # type: ignore[arg-type] # both are
    return differs


ACTIONS: dict[str, Callable[[Life], None]] = {
    "pay": Life.pay,
    "fail": Life.fail,
    "renew": Life.renew,
    "toggle_cancel": Life.toggle_cancel_at_period_end,
    "toggle_collection": Life.toggle_pause_collection,
    "pause": Life.pause,
    "remind": Life.remind,
    "end_trial": Life.end_trial,
    "pend_update": Life.pend_update,
    "cancel": Life.cancel,
    "explain": lambda life: life.explain("payment_disputed"),
    "upgrade_1": lambda life: life.upgrade("price_pro", 1),
    "upgrade_2": lambda life: life.upgrade("price_max", 5),
    "downgrade": lambda life: life.upgrade("price_basic", 1),
}
BEGINNINGS = (
    "active",
    "trial",
    "incomplete",
    "checkout",
    "checkout_delayed",
    "checkout_trial",
    "checkout_lapsed",
)


@st.composite
def lives(draw: st.DrawFn, name: str, most: int = 10) -> History:
    """One subscription's history, of at most `most` actions; half of them share a second."""
    life = Life(
        name,
        customer=draw(st.sampled_from(("cus_1", "cus_2"))),
        account=draw(st.sampled_from((None, "acct_1"))),
        livemode=draw(st.booleans()),
        api_version=draw(st.sampled_from(tuple(RENDERINGS))),
    )
    life.subscribe(draw(st.sampled_from(BEGINNINGS)))
    steps = st.tuples(st.sampled_from(tuple(ACTIONS)), st.sampled_from((0, 0, 1, 3600)))
    crowd = 0
    for action, seconds in draw(st.lists(steps, max_size=most)):
        # Beyond what the order's rules promise: many turns within each of several seconds on end.
        crowd = 0 if seconds else crowd + 1
        life.now += seconds or (1 if crowd > most // 2 else 0)
        ACTIONS[action](life)
    return life.history


@st.composite
def histories(draw: st.DrawFn, most: int = 10) -> History:
    """The histories of one to three subscriptions together, which may share customer, account and mode."""
    whole = History()
    for name in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        whole.add(draw(lives(name, most)))
    return whole
