"""Questions for Stripe, and events that wait: nothing is lost, nothing is asked too often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.comeback import come_back
from agents.detour import READ, WAITING_SINCE, Detours, waiting_since
from agents.errors import Reject, Retry, Trip
from agents.protocols import Message, Record
from agents.stripe_answers import KEPT_ANSWERS, StripeAnswers
from agents.stripe_reads import READ_FOR, StripeReads
from agents.token_bucket import TokenBucket
from agents.waiting_room import WaitingRoom
from billing.decide import Decision, Outcome
from billing.read_request import Reread
from tests.fakes.clock import FakeClock
from tests.fakes.dead_letters import FakeDeadLetters
from tests.fakes.observer import FakeObserver
from tests.fakes.outbox import FakeOutbox
from tests.fakes.sink_events import FakeHeld
from tests.fakes.stripe_reader import FakeStripeReader
from tests.fakes.turns import go_on, turns
from tests.stripe_shapes import NOON, Json, body, event, invoice, subscription, thin_event

THIN = thin_event("v1.invoice.paid", {"id": "in_1", "type": "invoice"}, event_id="evt_thin")
TWIN = event("invoice.paid", invoice(), event_id="evt_twin")
ASKED = Reread("reread:sub_1:ab", "sub_1", "cus_1", None, None, livemode=True, after=NOON, witness="evt_w")


def message(value: bytes, kind: bytes = b"thin", offset: int = 0) -> Message:
    headers = {READ: kind, "received": b"1790000000000", "endpoint": b"default"}
    return Message("stripe.reads", 0, offset, b"platform|live|in_1", value, headers)


@dataclass
class Town:
    clock: FakeClock = field(default_factory=lambda: FakeClock(now=NOON + 60))
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    letters: FakeDeadLetters = field(default_factory=FakeDeadLetters)
    observer: FakeObserver = field(default_factory=FakeObserver)

    def __post_init__(self) -> None:
        self.stripe = FakeStripeReader(self.clock)
        answers = StripeAnswers(self.stripe, TokenBucket(1000, 1000, self.clock), self.clock)
        self.reads = StripeReads(
            answers,
            self.outbox,
            self.letters,
            Breaker(3, 1, 8),
            self.clock,
            observer=self.observer,
            backoff=Backoff(lambda: 0.5),
            topic="stripe.events",
        )

    async def ask(self, value: bytes, kind: bytes = b"thin") -> FakeHeld:
        held = FakeHeld(message(value, kind))
        task = asyncio.ensure_future(self.reads.handle(held))
        await go_on(self.clock, task.done)
        task.result()
        return held

    def with_thin(self, **full: Any) -> Town:
        self.stripe.objects["/v2/core/events/evt_thin"] = {**THIN, **full}
        return self

    @property
    def sent(self) -> list[Json]:
        return [orjson.loads(record.value or b"") for record in self.outbox.delivered]


async def test_a_thin_event_comes_back_as_its_twin_under_the_customers_key() -> None:
    town = Town().with_thin(snapshot_event="evt_twin")
    town.stripe.objects["/v1/events/evt_twin"] = TWIN
    held = await town.ask(body(THIN))
    assert town.sent == [TWIN]
    (record,) = town.outbox.delivered
    assert (record.topic, record.key) == ("stripe.events", b"platform|live|cus_1")
    assert dict(record.headers) == {
        "received": b"1790000000000",
        "endpoint": b"default",
        READ_FOR: b"evt_thin",
    }
    assert (held.settled, town.observer.outcomes["accepted"]) == (1, 1)


async def test_a_question_is_settled_only_when_its_answer_is_in_kafka() -> None:
    town = Town().with_thin(snapshot_event="evt_twin")
    town.stripe.objects["/v1/events/evt_twin"] = TWIN
    town.outbox.mode = "withhold"
    held = FakeHeld(message(body(THIN)))
    task = asyncio.ensure_future(town.reads.handle(held))
    await turns()
    assert (held.settled, town.outbox.withheld) == (0, 1)
    town.outbox.refuse()  # a rebalance purged it
    await go_on(town.clock, lambda: town.outbox.withheld == 1)
    town.outbox.deliver()
    await go_on(town.clock, task.done)
    assert held.settled == 1


async def test_without_its_twin_a_thin_event_comes_back_with_its_object_as_it_is_now() -> None:
    town = Town().with_thin()
    town.stripe.objects["/v1/invoices/in_1"] = invoice()
    await town.ask(body(THIN))
    (made,) = town.sent
    assert (made["id"], made["type"], made["data"]["object"]["id"]) == ("evt_thin", "invoice.paid", "in_1")


@pytest.mark.parametrize("full", [None, {}])
async def test_what_stripe_no_longer_has_is_dead_lettered_with_its_reason(full: Json | None) -> None:
    town = Town() if full is None else Town().with_thin(**full)
    held = await town.ask(body(THIN))
    (letter,) = town.letters.letters
    assert (letter.stage, letter.reason) == (
        "lifecycle",
        "thin_event_gone" if full is None else "object_gone",
    )
    assert letter.message.value == body(THIN)
    assert (held.settled, town.sent) == (1, [])


async def test_a_doubtful_subscription_comes_back_as_it_was_read() -> None:
    town = Town()
    town.stripe.objects["/v1/subscriptions/sub_1"] = subscription(status="unpaid")
    await town.ask(ASKED.encode(), b"subscription")
    (made,) = town.sent
    assert (made["id"], made["type"]) == ("reread:sub_1:ab", "tollbridge.subscription.read")
    assert made["tollbridge_read"]["at"] > NOON
    assert made["data"]["object"]["status"] == "unpaid"


async def test_an_answer_of_the_same_second_is_asked_for_again() -> None:
    town = Town()
    town.clock.jump(-60)
    town.stripe.objects["/v1/subscriptions/sub_1"] = subscription()
    await town.ask(ASKED.encode(), b"subscription")
    assert len(town.stripe.asked) == 2
    assert town.sent[0]["tollbridge_read"]["at"] > NOON


async def test_a_404_is_a_tombstone_where_stripe_knows_the_subscriptions_event() -> None:
    town = Town()
    town.stripe.objects["/v1/events/evt_w"] = TWIN
    await town.ask(ASKED.encode(), b"subscription")
    (made,) = town.sent
    assert (made["type"], made["data"]["object"]["status"]) == ("tollbridge.subscription.gone", "canceled")
    assert town.outbox.delivered[0].key == b"platform|live|cus_1"


async def test_a_404_from_another_accounts_key_ends_nothing() -> None:
    town = Town()
    await town.ask(ASKED.encode(), b"subscription")
    assert [letter.reason for letter in town.letters.letters] == ["not_readable"]
    assert town.sent == []


async def test_a_404_for_what_a_checkout_names_ends_nothing() -> None:
    """A subscription that new may only be not readable yet; its checkout is told without it."""
    town = Town()
    town.stripe.objects["/v1/events/evt_w"] = TWIN
    await town.ask(replace(ASKED, witness=None).encode(), b"subscription")
    assert [letter.reason for letter in town.letters.letters] == ["not_readable"]
    assert town.sent == []


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"id": 7}'])
async def test_a_question_that_makes_no_sense_is_dead_lettered(bad: bytes) -> None:
    for kind in (b"thin", b"subscription"):
        town = Town()
        await town.ask(bad, kind)
        assert [letter.reason for letter in town.letters.letters] == ["unreadable"]


async def test_a_twin_that_is_no_event_is_dead_lettered() -> None:
    town = Town().with_thin(snapshot_event="evt_twin")
    town.stripe.objects["/v1/events/evt_twin"] = {"object": "list"}
    await town.ask(body(THIN))
    assert [letter.reason for letter in town.letters.letters] == ["unreadable"]


async def test_what_fails_now_is_asked_again_later() -> None:
    town = Town().with_thin(snapshot_event="evt_twin")
    town.stripe.objects["/v1/events/evt_twin"] = TWIN
    town.stripe.answers.extend([Retry("429", after=3.0), None, Retry("502")])
    await town.ask(body(THIN))
    assert town.sent == [TWIN]
    assert town.observer.outcomes["retried"] == 2
    assert any(seconds >= 3.0 for seconds in town.clock.slept)


async def test_a_refused_key_stops_the_asking_and_loses_nothing() -> None:
    town = Town().with_thin(snapshot_event="evt_twin")
    town.stripe.objects["/v1/events/evt_twin"] = TWIN
    town.stripe.down = Trip("Stripe answered 401. Look at STRIPE_API_KEY.")
    held = FakeHeld(message(body(THIN)))
    task = asyncio.ensure_future(town.reads.handle(held))
    await turns()
    assert town.reads.trouble == "Stripe answered 401. Look at STRIPE_API_KEY."
    asked = len(town.stripe.asked)
    await turns()
    assert len(town.stripe.asked) == asked == 1
    assert (held.settled, town.letters.letters) == (0, [])
    town.stripe.down = None
    await go_on(town.clock, task.done)
    assert not town.reads.trouble
    assert (held.settled, town.sent) == (1, [TWIN])


async def test_an_abandoned_question_is_dropped() -> None:
    town = Town()
    held = FakeHeld(message(body(THIN)), abandoned=True)
    await town.reads.handle(held)
    await come_back(held, Record("t", None, b""), town.outbox, town.clock)
    assert (town.stripe.asked, town.outbox.records, held.settled) == ([], [], 0)


async def test_a_full_outbox_is_waited_for() -> None:
    clock, outbox = FakeClock(), FakeOutbox("full")
    held = FakeHeld(message(b""))
    task = asyncio.ensure_future(come_back(held, Record("t", None, b""), outbox, clock))
    await turns()
    outbox.mode = "deliver"
    await go_on(clock, task.done)
    assert held.settled == 1


async def test_an_answer_is_good_for_a_moment_and_only_where_it_was_asked() -> None:
    clock = FakeClock(auto=True)
    stripe = FakeStripeReader(clock)
    answers = StripeAnswers(stripe, TokenBucket(1000, 10, clock), clock)
    for _ in range(3):
        await answers.get("/v1/invoices/in_1", None)
    await answers.get("/v1/invoices/in_1", "acct_1")
    assert stripe.asked == [("/v1/invoices/in_1", None), ("/v1/invoices/in_1", "acct_1")]
    clock.advance(11)
    await answers.get("/v1/invoices/in_1", None)
    assert len(stripe.asked) == 3
    await answers.get("/v1/invoices/in_1", None, after=int(clock.now()))
    assert len(stripe.asked) > 3  # what is kept is too old to be an answer
    for number in range(KEPT_ANSWERS + 5):
        await answers.get(f"/v1/invoices/{number}", None)
    assert len(answers._kept) == KEPT_ANSWERS


async def test_an_error_is_not_kept() -> None:
    clock = FakeClock()
    stripe = FakeStripeReader(clock)
    stripe.answers.append(Reject("unreadable", "no"))
    answers = StripeAnswers(stripe, TokenBucket(1000, 10, clock), clock)
    with pytest.raises(Reject):
        await answers.get("/v1/invoices/in_1", None)
    assert (await answers.get("/v1/invoices/in_1", None)).body is None


async def test_no_more_than_the_rate_is_let_through_after_the_burst() -> None:
    clock = FakeClock(auto=True)
    bucket = TokenBucket(25, 5, clock)
    began = clock.monotonic()
    for _ in range(105):
        await bucket.take()
    assert clock.monotonic() - began == pytest.approx(100 / 25)
    clock.advance(60)  # quiet time saves up the burst, no more
    began = clock.monotonic()
    for _ in range(30):
        await bucket.take()
    assert clock.monotonic() - began == pytest.approx(1.0)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_bucket_needs_sense(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="token bucket"):
        TokenBucket(rate, burst, FakeClock())


async def test_what_waits_comes_back_unchanged_when_its_time_is_over() -> None:
    clock, outbox = FakeClock(), FakeOutbox()
    headers = {WAITING_SINCE: b"1790000000", "received": b"1"}
    waits = Message("stripe.waiting", 1, 7, b"key", b"value", headers, timestamp=clock.now() - 4)
    held = FakeHeld(waits)
    task = asyncio.ensure_future(WaitingRoom("stripe.events", 10, outbox, clock).handle(held))
    await turns()
    clock.advance(5.9)
    await turns()
    assert outbox.records == []
    clock.advance(0.2)
    await turns()
    assert outbox.delivered == [Record("stripe.events", b"key", b"value", tuple(headers.items()))]
    assert (held.settled, task.done()) == (1, True)


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
async def test_a_wrong_clock_keeps_nothing_for_ever(off: float) -> None:
    clock, outbox = FakeClock(auto=True), FakeOutbox()
    held = FakeHeld(Message("stripe.waiting", 0, 0, None, b"", timestamp=clock.now() + off))
    await WaitingRoom("stripe.events", 10, outbox, clock).handle(held)
    assert clock.slept[0] <= 10
    assert held.settled == 1


def test_what_leaves_the_road_says_why_and_keeps_its_headers() -> None:
    detours = Detours("stripe.reads", "stripe.waiting")
    came = Message("stripe.events", 0, 3, b"key", b"body", {"received": b"1"})
    thin = Decision(Outcome.DEFERRED, "", read="thin")
    asked = Decision(Outcome.APPLIED, "", read=ASKED)
    waits = Decision(Outcome.DEFERRED, "", wait=True)
    assert detours.records(came, Decision(Outcome.APPLIED, ""), 5) == []
    assert detours.records(came, thin, 5) == [
        Record("stripe.reads", b"key", b"body", ((READ, b"thin"), ("received", b"1")))
    ]
    assert detours.records(came, asked, 5)[0].value == ASKED.encode()
    (first,) = detours.records(came, waits, 5)
    assert first == Record("stripe.waiting", b"key", b"body", (("received", b"1"), (WAITING_SINCE, b"5")))
    again = Message("stripe.events", 0, 9, b"key", b"body", dict(first.headers))
    assert waiting_since(again) == 5
    (second,) = detours.records(again, waits, 99)
    assert dict(second.headers)[WAITING_SINCE] == b"5"  # patience is counted from the first time
    assert waiting_since(came) is None
    assert waiting_since(Message("t", 0, 0, None, b"", {WAITING_SINCE: b"soon"})) is None
