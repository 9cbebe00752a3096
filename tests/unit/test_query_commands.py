"""What the query commands show, whom they ask, and how they end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from app.cli.queries import commands
from app.cli.queries.ask import USUAL_URL, worker_url
from app.cli.queries.money import money
from app.local.status_file import Status
from tests.query_workers import PARTITIONS, Tables
from tests.stripe_shapes import body, event, invoice, item, price, subscription
from tests.stripe_shapes import event as made

STACK = Status(1, "http://127.0.0.1:8080/webhooks/stripe", None, {"lifecycle": "http://127.0.0.1:7066"})
PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[httpx.Request]]:
    """Have every request answered so; returns the requests that came."""

    def answer(response: httpx.Response | Exception) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            if isinstance(response, Exception):
                raise response
            return response

        def client(**_: object) -> httpx.Client:
            return real(transport=httpx.MockTransport(handle))

        real = httpx.Client
        monkeypatch.setattr(httpx, "Client", client)
        monkeypatch.setattr(commands, "read_status", lambda: None)
        return requests

    return answer


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "200", "TOLLBRIDGE_QUERY_TOKEN": "hush"})


def documents() -> dict[str, dict[str, Any]]:
    from app.queries.answers import subscription_document, timeline_document  # noqa: PLC0415 - only here

    tables = Tables()
    yen = price(
        "price_yen", currency="jpy", unit_amount=2900, unit_amount_decimal="2900", nickname="[bold]Pro[/]"
    )
    listed = {"items": {"object": "list", "data": [item(price=yen, quantity=2)], "has_more": False}}
    opened = body(made("customer.subscription.created", subscription("sub_1", currency="jpy", **listed)))
    paid = body(event("invoice.paid", invoice("in_1", amount_paid=123450), event_id="evt_2"))
    tables.take([opened, paid, opened])
    found: dict[str, dict[str, Any]] = {}
    for partition in range(PARTITIONS):
        one = tables.lookup.subscription(partition, b"platform|live|sub_1")
        told = tables.lookup.timeline(partition, b"platform|live|sub_1")
        if one is not None and told is not None:
            found = {"subscription": subscription_document(one), "timeline": timeline_document(told)}
    return found


def test_a_subscription_is_shown_in_words(answered: Callable[..., Any]) -> None:
    answered(httpx.Response(200, json=documents()["subscription"]))
    shown = run("subscription", "sub_1")
    assert shown.exit_code == 0
    for words in ("active", "[bold]Pro[/] x2", "5800 JPY", "paid 1234.50 USD", "the endpoint's own", "live"):
        assert words in shown.output


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (2900, "usd", "29.00 USD"),
        (-5, "eur", "-0.05 EUR"),
        (2900, "jpy", "2900 JPY"),
        (12345, "kwd", "12.345 KWD"),
        (None, "usd", "?"),
        (0, "usd", "0.00 USD"),
    ],
)
def test_money_has_its_currencys_digits(amount: int | None, currency: str, written: str) -> None:
    assert money(amount, currency) == written


def test_a_customers_subscriptions_are_listed_and_where_to_go_on(answered: Callable[..., Any]) -> None:
    page = {"subscriptions": [documents()["subscription"]], "next": "sub_1"}
    answered(httpx.Response(200, json=page))
    shown = run("customer", "cus_1", "--limit", "1")
    assert "sub_1" in shown.output
    assert "There are more: --after sub_1" in shown.output


def test_a_timeline_is_shown_in_words(answered: Callable[..., Any]) -> None:
    answered(httpx.Response(200, json=documents()["timeline"]))
    shown = run("timeline", "sub_1")
    for words in ("applied", "duplicate", "the subscription is active", "subscription.started:sub_1"):
        assert words in shown.output


def test_a_timeline_shows_the_offsets_that_its_reasons_name(answered: Callable[..., Any]) -> None:
    answer = documents()["timeline"]
    answered(httpx.Response(200, json=answer))
    shown = run("timeline", "sub_1").output
    for entry in answer["entries"]:
        assert re.search(rf"^ *{entry['offset']} ", shown, re.MULTILINE)


def test_an_empty_id_is_refused_in_words(answered: Callable[..., Any]) -> None:
    requests = answered(httpx.Response(404))
    shown = run("subscription", "")
    assert (shown.exit_code, requests) == (2, [])
    assert "the id is empty" in shown.output


def test_json_is_the_answer_as_it_came(answered: Callable[..., Any]) -> None:
    answered(httpx.Response(200, json={"id": "sub_1", "status": "active"}))
    assert run("subscription", "sub_1", "--json").output == '{\n  "id": "sub_1",\n  "status": "active"\n}\n'


def test_the_question_is_asked_with_its_account_mode_and_token(answered: Callable[..., Any]) -> None:
    requests = answered(httpx.Response(404))
    run(
        "customer", "cus/1", "--account", "acct_1", "--mode", "test", "--after", "sub_1", "--url", "http://a/"
    )
    assert str(requests[0].url) == (
        "http://a/v1/customers/cus%2F1/subscriptions?account=acct_1&mode=test&limit=20&after=sub_1"
    )
    assert requests[0].headers["Authorization"] == "Bearer hush"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (httpx.Response(404, json={"detail": "No event has told of x."}, headers=PROBLEM), 1, "--mode test"),
        (httpx.Response(404, text="404: Not Found"), 2, "is --url right?"),
        (httpx.Response(200, text="hello"), 2, "is --url right?"),
        (httpx.Response(200, json=[]), 2, "is --url right?"),
        (httpx.Response(400, json={"detail": "mode must be"}, headers=PROBLEM), 2, "mode must be"),
        (httpx.Response(401, json={}, headers=PROBLEM), 2, "set TOLLBRIDGE_QUERY_TOKEN"),
        (
            httpx.Response(503, json={"detail": "Partition 3"}, headers={**PROBLEM, "Retry-After": "2"}),
            3,
            "Partition 3 (Retry after 2 s.)",
        ),
        (httpx.Response(500), 2, "answered 500"),
        (httpx.ConnectError("refused"), 3, "no lifecycle worker answers at"),
        (httpx.ReadTimeout("slow"), 3, "did not answer: ReadTimeout"),
    ],
)
def test_each_failure_has_its_sentence_and_its_exit_code(
    answered: Callable[..., Any], answer: httpx.Response | Exception, code: int, words: str
) -> None:
    answered(answer)
    shown = run("subscription", "sub_1")
    assert shown.exit_code == code
    assert words in shown.output
    assert "hush" not in shown.output


def test_the_stack_that_runs_here_is_asked_unless_another_is_named() -> None:
    assert worker_url(None, STACK) == "http://127.0.0.1:7066"
    assert worker_url(None, None) == USUAL_URL
    assert worker_url("https://queries.example/", STACK) == "https://queries.example"
    with pytest.raises(click.UsageError, match="must begin with http"):
        worker_url("queries.example", None)
