"""The sandbox answers as OpenMeter's v1 ingest API does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from app.local.event_store import EventStore
from app.local.openmeter_sandbox import make_app
from tests.fakes.sink_events import cloud_event

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, UTC)
ONE, BATCH, EITHER = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
)


@pytest.fixture
async def sandbox() -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(make_app(store=EventStore(now=lambda: NOW)))) as client:
        yield client


async def post(sandbox: TestClient[Any, Any], document: Any, content_type: str = BATCH) -> ClientResponse:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return await sandbox.post("/api/v1/events", data=body, headers={"Content-Type": content_type})


async def stored(sandbox: TestClient[Any, Any], **query: str) -> list[dict[str, Any]]:
    answer = await sandbox.get("/api/v1/events", params=query)
    assert answer.status == 200
    found: list[dict[str, Any]] = await answer.json()
    return found


@pytest.mark.parametrize(
    ("content_type", "document"),
    [
        (ONE, cloud_event(1)),
        (BATCH, [cloud_event(1)]),
        (EITHER, cloud_event(1)),
        (EITHER, [cloud_event(1)]),
    ],
)
async def test_each_content_type_is_answered_with_204_and_no_body(
    sandbox: TestClient[Any, Any], content_type: str, document: Any
) -> None:
    answer = await post(sandbox, document, content_type)
    assert answer.status == 204
    assert await answer.read() == b""
    assert len(await stored(sandbox)) == 1


async def test_an_empty_batch_is_fine(sandbox: TestClient[Any, Any]) -> None:
    assert (await post(sandbox, [])).status == 204


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{BATCH}; charset=utf-8", orjson.dumps([cloud_event(1)])),
        ("text/plain", orjson.dumps([cloud_event(1)])),
        (BATCH, b"not json"),
        (BATCH, orjson.dumps(cloud_event(1))),
        (ONE, orjson.dumps([cloud_event(1)])),
    ],
)
async def test_a_request_of_the_wrong_form_is_a_problem(
    sandbox: TestClient[Any, Any], content_type: str, body: bytes
) -> None:
    answer = await post(sandbox, body, content_type)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = orjson.loads(await answer.read())
    assert problem["title"] == "Bad Request"
    assert {"type", "title", "detail", "instance"} <= set(problem)
    assert all(isinstance(problem[name], str) for name in ("type", "title", "detail", "instance"))


@pytest.mark.parametrize(
    "change",
    [
        *({name: ...} for name in ("id", "source", "specversion", "type", "subject")),
        *({name: ""} for name in ("id", "source", "specversion", "type", "subject")),
        {"id": 7},
        {"specversion": "0.3"},
        {"source": "not a uri"},
        {"data": "text"},
        {"data": [1]},
        {"time": "yesterday"},
        {"time": "2026-11-20"},
        {"time": "2026-11-20T10:00:00"},
        {"time": "2026-13-20T10:00:00Z"},
        {"time": 1_790_000_000},
        {"datacontenttype": "text/plain"},
        {"dataschema": "no uri"},
    ],
    ids=str,
)
async def test_an_event_that_breaks_the_schema_is_refused(
    sandbox: TestClient[Any, Any], change: dict[str, Any]
) -> None:
    assert (await post(sandbox, [cloud_event(1, **change)])).status == 400
    assert await stored(sandbox) == []


@pytest.mark.parametrize(
    "change",
    [
        {"time": None},
        {"time": ...},
        {"data": None},
        {"data": ...},
        {"datacontenttype": None},
        {"datacontenttype": ...},
        {"dataschema": "https://example.com/v1"},
        {"source": "https://stripe.example/acct_1"},
        {"time": "2026-11-20t10:00:00.123456789+01:00"},
    ],
    ids=str,
)
async def test_what_is_optional_may_be_null_or_missing(
    sandbox: TestClient[Any, Any], change: dict[str, Any]
) -> None:
    assert (await post(sandbox, [cloud_event(1, **change)])).status == 204


async def test_a_batch_is_a_loop_and_no_transaction(sandbox: TestClient[Any, Any]) -> None:
    batch = [cloud_event(1), cloud_event(2, subject=""), cloud_event(3)]
    assert (await post(sandbox, batch)).status == 400
    assert [item["event"]["id"] for item in await stored(sandbox)] == ["in_1:payment.success"]


async def test_a_known_source_and_id_is_swallowed_and_another_source_is_another_event(
    sandbox: TestClient[Any, Any],
) -> None:
    batch = [cloud_event(1), cloud_event(1, data={"amount": 0}), cloud_event(1, source="acct_2")]
    assert (await post(sandbox, batch)).status == 204
    found = await stored(sandbox)
    assert sorted(item["event"]["source"] for item in found) == ["acct_1", "acct_2"]
    assert all(item["event"]["data"]["amount"] == 4901 for item in found)


async def test_time_is_kept_in_whole_seconds_of_utc_and_extensions_are_lost(
    sandbox: TestClient[Any, Any],
) -> None:
    event = cloud_event(1, time="2026-11-20T11:00:00.999+01:00", traceparent="00-ab-cd-01")
    await post(sandbox, [event])
    (item,) = await stored(sandbox)
    assert item["event"]["time"] == "2026-11-20T10:00:00Z"
    assert "traceparent" not in item["event"]
    assert item["event"]["data"] == event["data"]
    assert item["ingestedAt"] <= item["storedAt"]


async def test_an_event_without_time_happened_now(sandbox: TestClient[Any, Any]) -> None:
    await post(sandbox, [cloud_event(1, time=...)])
    assert (await stored(sandbox))[0]["event"]["time"] == "2026-11-20T12:00:00Z"


async def test_an_event_of_the_epoch_is_taken_and_silently_lost(sandbox: TestClient[Any, Any]) -> None:
    assert (await post(sandbox, [cloud_event(1, time="1970-01-01T00:00:00Z")])).status == 204
    assert await stored(sandbox, **{"from": "1960-01-01T00:00:00Z"}) == []


async def test_events_are_found_by_part_of_id_and_subject_newest_first(sandbox: TestClient[Any, Any]) -> None:
    times = ["2026-11-20T09:00:00Z", "2026-11-20T11:00:00Z", "2026-11-20T10:00:00Z"]
    batch = [cloud_event(n, customer=f"cus_{n % 2}", time=time) for n, time in enumerate(times)]
    await post(sandbox, batch)
    ids = [item["event"]["id"][:4] for item in await stored(sandbox)]
    assert ids == ["in_1", "in_2", "in_0"]
    assert [item["event"]["id"][:4] for item in await stored(sandbox, subject="us_0")] == ["in_2", "in_0"]
    assert len(await stored(sandbox, id="in_1")) == 1
    assert len(await stored(sandbox, limit="2")) == 2


async def test_the_range_is_inclusive_and_the_last_72_hours_unless_given(
    sandbox: TestClient[Any, Any],
) -> None:
    old = (NOW - timedelta(hours=73)).isoformat()
    await post(sandbox, [cloud_event(1, time=old), cloud_event(2)])
    assert len(await stored(sandbox)) == 1
    assert len(await stored(sandbox, **{"from": "2026-11-01T00:00:00Z"})) == 2
    edges = {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T10:00:00Z"}
    assert len(await stored(sandbox, **edges)) == 1


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"from": "now"}])
async def test_a_wrong_query_is_a_problem(sandbox: TestClient[Any, Any], query: dict[str, str]) -> None:
    answer = await sandbox.get("/api/v1/events", params=query)
    assert answer.status == 400
    assert answer.content_type == "application/problem+json"


async def test_unknown_paths_and_methods_are_problems_too(sandbox: TestClient[Any, Any]) -> None:
    for answer, status in (
        (await sandbox.get("/api/v1/meters"), 404),
        (await sandbox.delete("/api/v1/events"), 405),
    ):
        assert answer.status == status
        assert answer.content_type == "application/problem+json"


async def test_it_is_healthy_and_cannot_be_controlled_unless_asked_for(sandbox: TestClient[Any, Any]) -> None:
    assert (await sandbox.get("/healthz")).status == 200
    for answer in (await sandbox.get("/_control"), await sandbox.post("/_control", json={})):
        assert answer.status == 404


async def test_control_fails_as_often_as_told_and_counts() -> None:
    async with TestClient(TestServer(make_app(control=True))) as sandbox:
        fault = {"fail": {"status": 503, "retry_after": 2, "times": 2}}
        await sandbox.post("/_control", json=fault)
        answers = [await post(sandbox, [cloud_event(1)]) for _ in range(3)]
        assert [answer.status for answer in answers] == [503, 503, 204]
        assert answers[0].headers["Retry-After"] == "2"
        seen = await (await sandbox.get("/_control")).json()
        assert seen == {"events": 1, "duplicates": 0, "requests": 3, "failed": {"503": 2}, "failing": False}
        await sandbox.delete("/_control")
        seen = await (await sandbox.get("/_control")).json()
        assert (seen["events"], seen["requests"]) == (0, 0)
