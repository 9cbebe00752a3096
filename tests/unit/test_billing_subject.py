"""Whom a fact is about: by rule, never by guess, and whatever order the events come in."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from app.settings import SettingsError, read_settings
from billing.decide import Decision, Known, Outcome, Policy, decide, lookups
from billing.names import NOTHING, names_of, usable
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event
from billing.subject_rule import parse_subject_rule
from tests.stripe_shapes import (
    NOON,
    Json,
    before_basil,
    before_items,
    body,
    checkout_session,
    event,
    invoice,
    line,
    listing,
    subscription,
)

TENANT = {"tenant": "acme"}


class Road:
    """stripe.events with its way back: what is put off comes again when a test says so."""

    def __init__(self, rule: str, **more: Any) -> None:
        self.policy = Policy(subject=parse_subject_rule(rule), **more)
        self.seen: dict[str, Seen] = {}
        self.rows: dict[str, SubscriptionState] = {}
        self.waiting: list[tuple[Json, int]] = []
        self.told: dict[str, str] = {}
        self.offset = 0
        self.now = NOON

    def tell(self, built: Json, *, since: int | None = None) -> Decision:
        self.offset += 1
        parsed = parse_event(body(built))
        keys = lookups(parsed)
        known = Known(self.seen, self.rows.get(keys.subscription or ""))
        where = Position("stripe.events", 0, self.offset)
        decision = decide(parsed, where, self.now, known, self.policy, waiting_since=since)
        self.seen |= decision.remember
        if decision.subscription is not None:
            row = decision.subscription.encode()
            self.rows[keys.subscription or ""] = SubscriptionState.decode(row)
        if decision.wait:
            self.waiting.append((built, self.now if since is None else since))
        for fact in decision.facts:
            assert fact.id not in self.told
            self.told[fact.id] = fact.subject
        return decision

    def come_back(self, *, later: int = 10) -> list[Decision]:
        self.now += later
        waiting, self.waiting = self.waiting, []
        return [self.tell(built, since=since) for built, since in waiting]


def sub_event(kind: str = "created", event_id: str = "evt_s", **changes: Any) -> Json:
    return event(f"customer.subscription.{kind}", subscription(**changes), event_id=event_id)


def paid(event_id: str = "evt_i", metadata: Json | None = None, **changes: Any) -> Json:
    built = invoice(**changes)
    if metadata is not None:
        built["parent"]["subscription_details"]["metadata"] = metadata
    return event("invoice.paid", built, event_id=event_id)


def checkout(event_id: str = "evt_c", **changes: Any) -> Json:
    return event("checkout.session.completed", checkout_session(**changes), event_id=event_id)


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("customer", "cus_1"),
        ("metadata:tenant", "acme"),
        ("{customer}", "cus_1"),
        ("{metadata.tenant}", "acme"),
        ("{account}/{customer}", "acct_1/cus_1"),
        ("t-{metadata.tenant}:{account}!", "t-acme:acct_1!"),
    ],
)
def test_a_rule_makes_the_subject(rule: str, subject: str) -> None:
    road = Road(rule)
    road.tell(event("customer.subscription.created", subscription(metadata=TENANT), account="acct_1"))
    assert road.told == {"subscription.started:sub_1": subject}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "1 to 500"),
        ("email", '"email" is nothing that a subject can be made of'),
        ("{customer", "brace"),
        ("customer}", "brace"),
        ("{email}", "metadata:<key>"),
        ("metadata:", "metadata:<key>"),
        ("metadata.tenant", "must be written metadata:tenant"),
        ("{metadata.a[b]}", "nothing that a subject"),
        ("{}", "nothing that a subject"),
        ("x" * 501, "1 to 500"),
    ],
)
def test_a_wrong_rule_is_refused_in_a_sentence(rule: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"must|subject|brace") as refused:
        parse_subject_rule(rule)
    assert said in str(refused.value)


def test_a_wrong_rule_stops_the_start_and_names_its_variable() -> None:
    with pytest.raises(SettingsError, match=r"TOLLBRIDGE_SUBJECT: .*email"):
        read_settings({"TOLLBRIDGE_SUBJECT": "email"})


@pytest.mark.parametrize(
    ("value", "good"),
    [("a", True), ("a\u00a0b", True), ("", False), (" ", False), ("a\n", False), (7, False)],
)
def test_only_printable_text_can_be_part_of_a_subject(value: Any, good: bool) -> None:  # noqa: FBT001 - a column
    assert (usable(value) is not None) is good
    assert usable("x" * 255) is not None
    assert usable("x" * 256) is None  # cut, it would be another's


def test_a_subscription_without_the_key_is_a_clear_dead_letter_but_its_state_is_kept() -> None:
    road = Road("metadata:tenant")
    decision = road.tell(sub_event(status="active"))
    assert (decision.outcome, decision.problem, decision.facts) == (Outcome.REJECTED, "no_subject", ())
    assert "metadata.tenant" in decision.reason
    assert "TOLLBRIDGE_SUBJECT" in decision.reason
    assert road.rows["platform|live|cus_1|sub_1"].status == "active"


def test_a_subscription_that_gets_the_key_later_starts_then() -> None:
    road = Road("metadata:tenant")
    road.tell(sub_event())
    road.tell(sub_event("updated", "evt_u", metadata=TENANT))
    assert road.told == {"subscription.started:sub_1": "acme", "subscription.updated:evt_u": "acme"}


def test_an_event_that_tells_nothing_needs_no_subject() -> None:
    assert Road("metadata:tenant").tell(sub_event("trial_will_end", status="past_due")).problem is None


def test_an_account_that_is_missing_is_never_replaced() -> None:
    decision = Road("{account}/{customer}").tell(sub_event())
    assert (decision.problem, decision.wait) == ("no_subject", False)


@pytest.mark.parametrize(
    "built",
    [
        paid(metadata=TENANT),
        event("invoice.paid", before_basil(invoice()) | {"subscription_details": {"metadata": TENANT}}),
        event("invoice.paid", before_items(invoice(lines=listing(line(metadata=TENANT))))),
        event("invoice.paid", invoice(subscription_id=None, metadata=TENANT)),
    ],
)
def test_an_invoice_of_any_version_says_the_subscriptions_metadata_itself(built: Json) -> None:
    road = Road("metadata:tenant")
    road.tell(built)
    assert road.told == {"payment.success:in_1": "acme"}


def test_an_invoice_without_metadata_waits_for_its_subscription() -> None:
    road = Road("metadata:tenant")
    first = road.tell(paid())
    assert (first.outcome, first.wait, first.facts) == (Outcome.DEFERRED, True, ())
    road.tell(sub_event(metadata=TENANT))
    (again,) = road.come_back()
    assert again.outcome is Outcome.APPLIED
    assert road.told == {"subscription.started:sub_1": "acme", "payment.success:in_1": "acme"}


def test_patience_ends_in_a_dead_letter_that_says_so() -> None:
    road = Road("metadata:tenant", patience=25)
    road.tell(paid())
    assert [one.outcome for one in road.come_back() + road.come_back()] == [Outcome.DEFERRED] * 2
    (last,) = road.come_back()
    assert (last.outcome, last.problem) == (Outcome.REJECTED, "no_subject")
    assert "in 25 s no other event" in last.reason
    assert road.told == {}


def test_an_invoice_without_subscription_has_nothing_to_wait_for() -> None:
    decision = Road("client_reference_id").tell(paid(subscription_id=None))
    assert (decision.problem, decision.wait) == ("no_subject", False)


def test_a_checkout_without_reference_is_a_dead_letter_at_once() -> None:
    decision = Road("client_reference_id").tell(checkout())
    assert (decision.problem, decision.wait) == ("no_subject", False)


def test_the_reference_of_the_checkout_is_everybodys_whatever_comes_first() -> None:
    events = [
        sub_event(status="incomplete"),
        sub_event("updated", "evt_u", status="active"),
        checkout(client_reference_id="user-7"),
        paid(),
    ]
    expected = dict.fromkeys(
        ("subscription.started:sub_1", "subscription.updated:evt_u", "payment.success:in_1"), "user-7"
    )
    for order in itertools.permutations(events):
        road = Road("client_reference_id")
        for built in order:
            road.tell(built)
        road.come_back()
        assert road.told == expected
        assert road.waiting == []


def test_metadata_of_the_newest_event_is_remembered_in_any_order() -> None:
    old = event("customer.subscription.created", subscription(metadata={"tenant": "old"}), event_id="evt_9")
    new = event(
        "customer.subscription.updated",
        subscription(metadata=TENANT),
        event_id="evt_1",
        created=NOON + 1,
        previous={"metadata": {"tenant": "old"}},
    )
    for order in ((old, new), (new, old)):
        road = Road("metadata:tenant")
        for built in order:
            road.tell(built)
        road.tell(paid())
        assert road.told["payment.success:in_1"] == "acme"
        # The update's own object says whom it is about; what is remembered is for those that cannot.
        assert road.told["subscription.updated:evt_1"] == "acme"


def test_a_put_off_event_that_comes_twice_from_stripe_is_still_a_duplicate() -> None:
    road = Road("client_reference_id")
    road.tell(sub_event())
    assert road.tell(sub_event()).outcome is Outcome.DUPLICATE
    assert len(road.waiting) == 1


def test_nothing_is_remembered_where_the_rule_names_the_customer_alone() -> None:
    road = Road("customer")
    road.tell(sub_event(metadata=TENANT))
    road.tell(checkout(client_reference_id="user-7"))
    assert road.rows["platform|live|cus_1|sub_1"].remembered == NOTHING


def test_of_several_references_the_least_is_kept_whatever_comes_first() -> None:
    one, other = (
        NOTHING.with_reference("b").with_reference("a"),
        NOTHING.with_reference("a").with_reference("b"),
    )
    assert one == other
    assert names_of(parse_event(body(sub_event())), "cus_1", parse_subject_rule("customer")) == {
        "customer": "cus_1"
    }
