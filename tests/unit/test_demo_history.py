"""The demo's hand-written expectations, and the comparison that holds the sinks against them."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from app.cli.demo.conclusion import conclude
from app.cli.demo.customers import ordinary
from app.cli.demo.decisions import decided
from app.cli.demo.holdings import Holding
from app.cli.demo.poster import Answered
from app.cli.demo.report import money
from app.cli.demo.story import Customer
from app.cli.demo.troubles import troubled
from app.cli.demo.verdict import covers, differences, expected
from app.cli.terminal import Terminal
from app.cli.webhook import Answer
from tests.replay import replay

START = 1_790_000_000
CUSTOMERS = (*ordinary(START), *troubled(START))
PAID = Holding(
    "cus_1", "payment.success", "payment.success:in_1", 1900, "usd", livemode=False, superseded=False
)


@pytest.mark.parametrize("customer", CUSTOMERS, ids=lambda customer: customer.id)
def test_the_core_tells_what_was_written_down_by_hand(customer: Customer) -> None:
    answers = [Answered(post, Answer(post.answer, "")) for post in customer.posts]
    facts = [fact for decision in replay(answers, START) if decision for fact in decision.facts]
    told = {
        Holding(
            fact.subject,
            fact.type,
            fact.id,
            fact.data["amount"],
            fact.data["currency"],
            livemode=fact.livemode,
            superseded=fact.data["superseded"],
        )
        for fact in facts
    }
    assert told == set(expected([customer]))
    assert len(facts) == len(customer.told)


def concluded(held: dict[str, list[Holding]], status: int = 200) -> tuple[int, str]:
    written = io.StringIO()
    terminal = Terminal(Console(file=written, width=200))
    answers = {
        customer.id: [
            Answered(post, Answer(status if post.answer == 200 else 400, "")) for post in customer.posts
        ]
        for customer in CUSTOMERS
    }
    return conclude(terminal, CUSTOMERS, answers, held, {}), written.getvalue()


def test_the_demo_succeeds_when_both_sinks_hold_what_they_should() -> None:
    wanted = expected(CUSTOMERS)
    code, written = concluded({"OpenMeter": wanted, "NATS": wanted})
    assert code == 0
    assert f"OpenMeter and NATS hold exactly the {len(wanted)} facts" in written


def test_the_demo_fails_and_shows_the_difference_when_one_sink_lacks_a_fact() -> None:
    wanted = expected(CUSTOMERS)
    code, written = concluded({"OpenMeter": wanted, "NATS": wanted[1:]})
    assert code == 1
    assert f"{wanted[0].id}" in written.partition("Otherwise than it should be")[2]
    assert "is missing" in written


def test_the_demo_fails_when_a_forged_invoice_reached_a_sink() -> None:
    wanted = expected(CUSTOMERS)
    forged = replace(PAID, subject="cus_forged", id="payment.success:in_forged_1", amount=9999900)
    code, written = concluded({"OpenMeter": wanted, "NATS": [*wanted, forged]})
    assert code == 1
    assert "should not be there" in written


def test_the_demo_fails_when_the_ingress_answers_otherwise_than_expected() -> None:
    wanted = expected(CUSTOMERS)
    code, written = concluded({"OpenMeter": wanted, "NATS": wanted}, status=503)
    assert code == 1
    assert "answered 503, not 200" in written


def test_all_types_of_facts_are_told() -> None:
    assert {told.type for customer in CUSTOMERS for told in customer.told} == {
        "subscription.started",
        "subscription.updated",
        "subscription.ended",
        "payment.success",
        "payment.failed",
    }


def test_every_customer_is_another_and_all_facts_fit_one_page() -> None:
    assert len({customer.id for customer in CUSTOMERS}) == len(CUSTOMERS)
    assert len(expected(CUSTOMERS)) < 100


def test_a_sink_that_holds_what_it_should_differs_in_nothing() -> None:
    wanted = expected(CUSTOMERS)
    assert differences("NATS", wanted, list(reversed(wanted))) == []


def test_a_missing_fact_is_named() -> None:
    (found,) = differences("NATS", [PAID], [])
    assert (found.customer, found.sink, found.fact) == ("cus_1", "NATS", "payment.success:in_1")
    assert found.wrong.endswith("is missing")


def test_a_wrong_amount_is_one_difference_that_shows_both() -> None:
    (found,) = differences("NATS", [PAID], [replace(PAID, amount=1901)])
    assert "1900 usd (test) is held as payment.success 1901 usd" in found.wrong


def test_a_fact_held_twice_is_a_difference() -> None:
    (found,) = differences("NATS", [PAID], [PAID, PAID])
    assert found.wrong == "is held 2 times"


@pytest.mark.parametrize("stranger", [replace(PAID, id="payment.success:in_2"), replace(PAID, livemode=True)])
def test_a_fact_that_nobody_expects_is_a_difference(stranger: Holding) -> None:
    (found,) = differences("NATS", [PAID], [PAID, stranger])
    assert found.wrong.endswith("should not be there")


def test_waiting_ends_when_all_facts_are_there_and_not_before() -> None:
    other = replace(PAID, livemode=True)
    assert covers([PAID], [replace(PAID, amount=0)])
    assert not covers([PAID, other], [PAID, PAID])


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(1905, "usd", "19.05 USD"), (0, "eur", "0.00 EUR"), (9800, "jpy", "9800 JPY"), (None, "usd", "-")],
)
def test_money_is_written_in_its_currencys_way(amount: int | None, currency: str, written: str) -> None:
    assert money(amount, currency) == written


def test_each_post_is_shown_with_the_workers_own_decision() -> None:
    (post, *_) = CUSTOMERS[0].posts
    accepted, refused = Answered(post, Answer(200, "")), Answered(post, Answer(400, ""))
    first = {"outcome": "applied", "reason": "the subscription is active"}
    again = {"outcome": "duplicate", "reason": "the same event came before"}
    entries = {str(post.event["id"]): [first, again]}
    assert decided([accepted, accepted, accepted, refused], entries) == [
        "applied: the subscription is active",
        "duplicate: the same event came before",
        "duplicate: the same event came before",
        "refused at the door",
    ]
    assert decided([accepted], {}) == ["kept; it is about no subscription"]
