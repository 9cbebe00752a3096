"""openapi.json says what the handlers do: schemathesis asks all that it allows, and much that it does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from app.queries.openapi import OPENAPI, PATH
from app.queries.routes import Queries
from billing.decide import Outcome
from tests.query_workers import Tables, query_worker
from tests.stripe_shapes import body, event
from tests.town import bodies, town

TOKEN = "hush"
description = schemathesis.openapi.from_path(PATH)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A worker that holds some histories, in a loop of its own."""
    tables = Tables()
    tables.take(bodies(town(seed=41, customers=12)))
    tables.take(
        [
            body(
                event(
                    "customer.subscription.updated", {"object": "toast", "id": "sub_1", "customer": "cus_1"}
                )
            )
        ]
    )
    ready: list[str] = []
    begun, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with query_worker(tables, token=TOKEN) as worker:
            ready.append(str(worker.url))
            begun.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert begun.wait(10)
    yield ready[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(10)
    loop.close()


@description.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case[Any], address: str) -> None:
    case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize("seed", [41])
def test_real_histories_are_as_described(address: str, seed: int) -> None:
    """Found ones: what schemathesis makes up is nearly always unknown."""
    history = town(seed=seed, customers=12)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    asked = 0
    for key in history.truth:
        account, mode, customer, subscription = key.split("|")
        query = {"account": account, "mode": mode}
        for path, values in (
            ("/v1/customers/{customer}/subscriptions", {"customer": customer}),
            ("/v1/subscriptions/{subscription}", {"subscription": subscription}),
            ("/v1/subscriptions/{subscription}/timeline", {"subscription": subscription}),
        ):
            case = description[path]["GET"].Case(path_parameters=values, query=query, headers=headers)
            answer = case.call(base_url=address)
            assert answer.status_code == 200
            case.validate_response(answer)
            asked += 1
    assert asked > 30


def test_it_is_served_as_it_is(address: str) -> None:
    answer = requests.get(f"{address}/v1/openapi.json", timeout=5)
    assert answer.content == OPENAPI


def test_every_route_is_described_and_every_outcome_named() -> None:
    document = orjson.loads(OPENAPI)
    routes = {route.path for route in Queries(None, None, 8, None).routes()}  # type: ignore[arg-type]
    assert set(document["paths"]) == routes
    outcomes = document["components"]["schemas"]["Entry"]["properties"]["outcome"]["enum"]
    assert set(outcomes) == {outcome.value for outcome in Outcome}
