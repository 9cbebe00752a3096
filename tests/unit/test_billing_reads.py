"""What is read from Stripe, when, and what its answer does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing.decide import Decision, Known, Outcome, Policy, decide, lookups
from billing.position import Position
from billing.read_request import (
    Reread,
    as_read,
    as_snapshot,
    event_path,
    in_scope,
    object_path,
    snapshot_event_of,
    subscription_path,
    thin_event_path,
    twin_type,
)
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event
from tests.stripe_shapes import NOON, Json, body, checkout_session, event, invoice, subscription, thin_event

BOTH = Policy(reads=frozenset({"live", "test"}))
KEY = "platform|live|cus_1|sub_1"


class Road:
    def __init__(self, policy: Policy = BOTH) -> None:
        self.policy = policy
        self.seen: dict[str, Seen] = {}
        self.rows: dict[str, SubscriptionState] = {}
        self.offset = 0

    def tell(self, built: Json) -> Decision:
        self.offset += 1
        parsed = parse_event(body(built))
        keys = lookups(parsed)
        known = Known(self.seen, self.rows.get(keys.subscription or ""))
        decision = decide(parsed, Position("stripe.events", 0, self.offset), NOON, known, self.policy)
        self.seen |= decision.remember
        if decision.subscription is not None:
            self.rows[keys.subscription or ""] = decision.subscription
        return decision


def updated(name: str, was: Json, **changes: Any) -> Json:
    return event("customer.subscription.updated", subscription(**changes), event_id=name, previous=was)


# Nothing links these two: the update between them is missing.
DOUBT = (
    updated("evt_1", {"status": "trialing"}, status="past_due"),
    updated("evt_2", {"schedule": None}, status="active", schedule="s_1"),
)


def question(built: Decision) -> Reread:
    assert isinstance(built.read, Reread)
    return built.read


def test_a_second_that_is_no_single_path_asks_stripe_once_for_the_same_doubt() -> None:
    asked = []
    for order in (DOUBT, DOUBT[::-1]):
        road = Road()
        assert road.tell(order[0]).read is None
        decision = road.tell(order[1])
        asked.append(question(decision).id)
        assert "Stripe is asked" in decision.reason
    assert asked[0] == asked[1]
    assert asked[0].startswith("reread:sub_1:")


def test_the_missing_event_takes_the_doubt_away() -> None:
    road = Road()
    for built in DOUBT:
        road.tell(built)
    linked = updated("evt_3", {"status": "past_due"}, status="active")
    assert road.tell(linked).read is None
    assert road.rows[KEY].status == "active"


def test_a_clear_order_asks_nothing() -> None:
    road = Road()
    assert road.tell(event("customer.subscription.created", subscription(status="incomplete"))).read is None
    assert road.tell(updated("evt_2", {"status": "incomplete"})).read is None
    assert road.tell(updated("evt_0", {"status": "active"}, status="past_due")).read is None


def test_a_return_to_a_beginning_that_nobody_knows_asks() -> None:
    road = Road()
    road.tell(updated("evt_1", {"cancel_at_period_end": False}, cancel_at_period_end=True))
    assert isinstance(road.tell(updated("evt_2", {"cancel_at_period_end": True})).read, Reread)
    known = Road()
    known.tell(event("customer.subscription.created", subscription(), event_id="evt_0", created=NOON - 9))
    known.tell(updated("evt_1", {"cancel_at_period_end": False}, cancel_at_period_end=True))
    assert known.tell(updated("evt_2", {"cancel_at_period_end": True})).read is None


def test_more_events_in_a_second_than_are_kept_ask() -> None:
    road = Road()
    asked = [
        road.tell(updated(f"evt_{n:02}", {"schedule": f"s_{n}"}, schedule=f"s_{n + 1}")).read
        for n in range(20)
    ]
    assert asked[:15] == [None] * 15
    assert isinstance(asked[15], Reread)


@pytest.mark.parametrize("reads", [frozenset(), frozenset({"test"})])
def test_without_a_key_of_the_events_mode_nothing_is_asked(reads: Any) -> None:
    road = Road(Policy(reads=reads))
    assert [road.tell(built).read for built in DOUBT] == [None, None]


def test_an_answer_is_folded_once_and_decides() -> None:
    road = Road()
    asked = question([road.tell(built) for built in DOUBT][1])
    assert (asked.after, str(asked.witness)[:4], asked.customer) == (NOON, "evt_", "cus_1")
    answer = as_read(asked, subscription(status="unpaid"), NOON + 3)
    first = road.tell(answer)
    assert (first.outcome, first.facts, first.read) == (Outcome.APPLIED, (), None)
    assert road.rows[KEY].status == "unpaid"
    assert road.tell(answer).outcome is Outcome.DUPLICATE


def test_an_answer_yields_to_what_happens_after_it_and_beats_what_was_before() -> None:
    road = Road()
    asked = question([road.tell(built) for built in DOUBT][1])
    road.tell(as_read(asked, subscription(status="unpaid"), NOON + 3))
    late = updated("evt_4", {"status": "past_due"}, status="active") | {"created": NOON + 2}
    assert road.tell(late).outcome is Outcome.STALE
    road.tell(updated("evt_5", {"status": "unpaid"}, status="active") | {"created": NOON + 3})
    assert road.rows[KEY].status == "active"


def test_a_subscription_that_stripe_no_longer_has_has_ended_once() -> None:
    road = Road()
    asked = question([road.tell(built) for built in DOUBT][1])
    decision = road.tell(as_read(asked, None, NOON + 3))
    assert [fact.id for fact in decision.facts] == ["subscription.ended:sub_1"]
    assert road.rows[KEY].status == "canceled"
    late = event("customer.subscription.deleted", subscription(status="canceled"), event_id="evt_d")
    assert road.tell(late).facts == ()


def test_a_question_survives_the_way_through_kafka() -> None:
    asked = Reread("reread:sub_1:ab", "sub_1", "cus_1", "acct_1", "org_1/acct_1", True, NOON, "evt_1")
    assert Reread.decode(asked.encode()) == asked
    with pytest.raises(ValueError, match="not a request"):
        Reread.decode(b'{"id": 7}')


@pytest.mark.parametrize(
    ("kind", "twin"),
    [
        ("v1.invoice.paid", "invoice.paid"),
        ("v1.checkout.session.completed", "checkout.session.completed"),
        ("v1.customer.subscription.updated", "customer.subscription.updated"),
        ("v1.customer.subscription.past_due", "tollbridge.subscription.read"),
        ("v1.customer.subscription.item_added", "tollbridge.subscription.read"),
        ("v2.money.moved", "v2.money.moved"),
    ],
)
def test_a_thin_type_is_its_twins_without_v1(kind: str, twin: str) -> None:
    assert twin_type(parse_event(body(thin_event(kind, {"id": "in_1"})))) == twin


def test_a_thin_event_is_read_when_there_is_a_key() -> None:
    decision = Road().tell(thin_event("v1.invoice.paid", {"id": "in_1"}))
    assert (decision.outcome, decision.read, decision.problem) == (Outcome.DEFERRED, "thin", None)


@pytest.mark.parametrize("kind", ["v2.core.account.updated", "v1.invoice.created", "v1.charge.refunded"])
def test_a_thin_event_that_would_mean_nothing_is_ignored(kind: str) -> None:
    for policy in (Policy(), BOTH):
        decision = Road(policy).tell(thin_event(kind, {"id": "x_1"}))
        assert (decision.outcome, decision.read) == (Outcome.IGNORED, None)


def test_without_a_key_the_reason_says_what_to_configure() -> None:
    decision = Road(Policy()).tell(thin_event("v1.invoice.paid", {"id": "in_1"}))
    assert (decision.outcome, decision.problem) == (Outcome.REJECTED, "thin_event")
    assert "STRIPE_API_KEY" in decision.reason
    assert "live-mode key" in decision.reason
    assert "snapshot events" in decision.reason


@pytest.mark.parametrize(
    ("kind", "found", "path"),
    [
        ("v1.invoice.paid", {"id": "in_1"}, "/v1/invoices/in_1"),
        ("v1.customer.subscription.active", {"id": "sub_1"}, "/v1/subscriptions/sub_1"),
        ("v1.checkout.session.completed", {"id": "cs_1"}, "/v1/checkout/sessions/cs_1"),
        ("v1.invoice.paid", {"id": "../../v1/balance"}, None),
        ("v1.invoice.paid", {"id": "in_1", "url": "http://elsewhere/"}, "/v1/invoices/in_1"),
        ("v1.invoice.upcoming", {}, None),
        ("v1.charge.refunded", {"id": "ch_1"}, None),
    ],
)
def test_a_path_is_made_of_type_and_id_and_a_url_is_never_followed(
    kind: str, found: Json, path: str | None
) -> None:
    assert object_path(parse_event(body(thin_event(kind, found)))) == path


def test_no_path_is_made_of_what_cannot_be_an_id() -> None:
    assert event_path("evt_1") == "/v1/events/evt_1"
    assert thin_event_path("evt_1") == "/v2/core/events/evt_1"
    assert subscription_path("sub_1") == "/v1/subscriptions/sub_1"
    assert [make("a/b?c") for make in (event_path, thin_event_path, subscription_path)] == [None] * 3
    assert [snapshot_event_of(full) for full in ({"snapshot_event": "evt_2"}, {}, {"snapshot_event": 7})] == [
        "evt_2",
        None,
        None,
    ]


def test_a_thin_event_and_its_twin_are_one_event_whichever_comes_first() -> None:
    twin = event("invoice.paid", invoice(), event_id="evt_twin")
    for order in ((twin, twin), (twin,)):
        road = Road()
        road.tell(thin_event("v1.invoice.paid", {"id": "in_1"}))
        told = [fact.id for built in order for fact in road.tell(built).facts]
        assert told == ["payment.success:in_1"]


@pytest.mark.parametrize(
    ("kind", "found", "fact"),
    [
        ("v1.customer.subscription.created", subscription(), "subscription.started:sub_1"),
        ("v1.customer.subscription.past_due", subscription(status="active"), "subscription.started:sub_1"),
        ("v1.invoice.paid", invoice(), "payment.success:in_1"),
        ("v1.checkout.session.completed", checkout_session(), "subscription.started:sub_1"),
    ],
)
def test_without_its_twin_a_thin_event_is_told_from_its_object(kind: str, found: Json, fact: str) -> None:
    thin = parse_event(body(thin_event(kind, {"id": found["id"]})))
    made = as_snapshot(thin, "evt_twin", found, NOON + 60)
    assert (made["id"], made["created"]) == ("evt_twin", thin.created)
    assert fact in [one.id for one in Road(replace(BOTH, checkout_patience=0)).tell(made).facts]


def test_a_twin_gets_the_account_that_its_thin_event_names() -> None:
    built = thin_event("v1.invoice.paid", {"id": "in_1"}) | {"context": "org_1/acct_2"}
    thin = parse_event(body(built))
    assert (thin.scope, thin.context) == ("acct_2|live", "org_1/acct_2")
    twin = event("invoice.paid", invoice())
    assert in_scope(twin, thin)["account"] == "acct_2"
    assert in_scope(twin | {"account": "acct_9"}, thin)["account"] == "acct_9"


def test_account_and_context_keep_states_apart_and_the_same_account_together() -> None:
    road = Road()
    plain = event("customer.subscription.created", subscription(), event_id="evt_1")
    road.tell(plain)
    road.tell(plain | {"id": "evt_2", "context": "org_1/acct_2"})
    road.tell(plain | {"id": "evt_3", "account": "acct_2"})
    road.tell(plain | {"id": "evt_4", "account": "acct_2", "livemode": False})
    assert set(road.rows) == {KEY, "acct_2|live|cus_1|sub_1", "acct_2|test|cus_1|sub_1"}


def test_test_mode_events_on_a_live_endpoint_never_touch_live_state() -> None:
    road = Road(Policy())
    road.tell(event("customer.subscription.created", subscription(), event_id="evt_1"))
    before = road.rows[KEY]
    gone = event("customer.subscription.deleted", subscription(status="canceled"), event_id="evt_1")
    decision = road.tell(gone | {"livemode": False})
    assert [fact.key for fact in decision.facts] == ["platform|test|subscription.ended:sub_1"]
    assert road.rows[KEY] == before
    assert Road(Policy(livemode="live")).tell(gone | {"livemode": False}).facts == ()
