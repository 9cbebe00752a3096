"""One suite for both: OpenMeter in memory, and the HTTP client against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.errors import Reject, Retry, Stop, Trip
from agents.protocols import MeterSink
from app.local.openmeter_sandbox import make_app
from app.openmeter.client import OpenMeterClient, connect
from app.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.meter_sink import FakeMeterSink
from tests.fakes.sink_events import cloud_event


class Rig(Protocol):
    """A meter sink, a look at what it holds, and a way to make the next request fail."""

    @property
    def sink(self) -> MeterSink: ...
    async def ids(self) -> list[str]: ...
    async def fail_once(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self.sink = FakeMeterSink()

    async def ids(self) -> list[str]:
        return sorted(self.sink.ids)

    async def fail_once(self) -> None:
        self.sink.answers.append(Retry("told to"))


class OverHttp:
    def __init__(self, http: httpx.AsyncClient, url: str, timeout: float = 5.0) -> None:
        self.http = http
        self.url = url
        self.sink = OpenMeterClient(http, url, FakeClock(), timeout)

    async def ids(self) -> list[str]:
        answer = await self.http.get(f"{self.url}/api/v1/events", params={"from": "2000-01-01T00:00:00Z"})
        return sorted(item["event"]["id"] for item in answer.json())

    async def fail_once(self) -> None:
        await self.control({"fail": {"status": 503, "times": 1}})

    async def control(self, wanted: dict[str, Any]) -> None:
        assert (await self.http.post(f"{self.url}/_control", json=wanted)).status_code == 204

    async def seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = (await self.http.get(f"{self.url}/_control")).json()
        return seen


@pytest.fixture
async def over_http() -> AsyncIterator[OverHttp]:
    async with TestServer(make_app(control=True)) as server, httpx.AsyncClient() as http:
        yield OverHttp(http, str(server.make_url("")).rstrip("/"))


@pytest.fixture(params=["in memory", "over http"])
async def rig(request: pytest.FixtureRequest, over_http: OverHttp) -> Rig:
    return InMemory() if request.param == "in memory" else over_http


def events(*numbers: int, **changes: Any) -> list[bytes]:
    return [orjson.dumps(cloud_event(number, **changes)) for number in numbers]


def named(*numbers: int) -> list[str]:
    return [f"in_{number}:payment.success" for number in numbers]


async def test_a_batch_is_kept(rig: Rig) -> None:
    await rig.sink.ingest(events(1, 2, 3))
    assert await rig.ids() == named(1, 2, 3)


async def test_the_same_batch_again_is_accepted_and_kept_once(rig: Rig) -> None:
    await rig.sink.ingest(events(1, 2))
    await rig.sink.ingest(events(1, 2))
    assert await rig.ids() == named(1, 2)


async def test_the_same_id_twice_in_one_batch_is_kept_once(rig: Rig) -> None:
    await rig.sink.ingest(events(1, 1))
    assert await rig.ids() == named(1)


async def test_one_unacceptable_event_refuses_the_batch_and_what_stood_before_it_is_kept(rig: Rig) -> None:
    with pytest.raises(Reject):
        await rig.sink.ingest([*events(1), *events(2, subject=""), *events(3)])
    assert await rig.ids() == named(1)


async def test_data_that_is_no_object_is_refused(rig: Rig) -> None:
    with pytest.raises(Reject):
        await rig.sink.ingest(events(1, data=[1]))


async def test_a_passing_failure_is_a_retry_and_then_it_works(rig: Rig) -> None:
    await rig.fail_once()
    with pytest.raises(Retry) as caught:
        await rig.sink.ingest(events(1))
    assert not isinstance(caught.value, Trip)
    await rig.sink.ingest(events(1))
    assert await rig.ids() == named(1)


# What only HTTP has


async def test_the_content_type_is_the_one_that_openmeter_compares(over_http: OverHttp) -> None:
    types: list[str] = []

    async def note(request: web.Request) -> web.Response:
        types.append(request.headers["Content-Type"])
        types.append(request.headers.get("Authorization", ""))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v1/events", note)
    async with TestServer(app) as server:
        over_http.http.headers["authorization"] = "Bearer made-up"
        sink = OpenMeterClient(over_http.http, f"{server.make_url('')}", FakeClock(), 5.0)
        await sink.ingest(events(1))
    assert types == ["application/cloudevents-batch+json", "Bearer made-up"]


async def test_a_request_for_a_pause_arrives(over_http: OverHttp) -> None:
    await over_http.control({"fail": {"status": 429, "retry_after": 17, "times": 1}})
    with pytest.raises(Retry) as caught:
        await over_http.sink.ingest(events(1))
    assert caught.value.after == 17.0


async def test_a_failure_in_the_middle_leaves_a_part_and_the_repetition_makes_it_whole(
    over_http: OverHttp,
) -> None:
    await over_http.control({"fail": {"status": 500, "times": 1, "after_events": 2}})
    with pytest.raises(Retry):
        await over_http.sink.ingest(events(1, 2, 3))
    assert await over_http.ids() == named(1, 2)
    await over_http.sink.ingest(events(1, 2, 3))
    assert await over_http.ids() == named(1, 2, 3)


async def test_a_body_that_is_too_large_is_refused_so_that_it_is_cut(over_http: OverHttp) -> None:
    await over_http.control({"max_body": 500})
    with pytest.raises(Reject, match="too_large"):
        await over_http.sink.ingest(events(1, 2))
    await over_http.sink.ingest(events(1))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_opens_the_breaker(over_http: OverHttp, status: int) -> None:
    await over_http.control({"fail": {"status": status}})
    with pytest.raises(Trip, match="OPENMETER_TOKEN"):
        await over_http.sink.ingest(events(1))


async def test_a_wrong_path_opens_the_breaker(over_http: OverHttp) -> None:
    sink = OpenMeterClient(over_http.http, f"{over_http.url}/wrong", FakeClock(), 5.0)
    with pytest.raises(Trip, match="OPENMETER_URL"):
        await sink.ingest(events(1))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8888", "http://"])
async def test_an_address_that_is_none_opens_the_breaker(over_http: OverHttp, url: str) -> None:
    with pytest.raises(Trip, match="OPENMETER_URL"):
        await OpenMeterClient(over_http.http, url, FakeClock(), 5.0).ingest(events(1))


async def test_nobody_listening_is_a_retry(over_http: OverHttp, unused_tcp_port: int) -> None:
    sink = OpenMeterClient(over_http.http, f"http://127.0.0.1:{unused_tcp_port}", FakeClock(), 5.0)
    with pytest.raises(Retry, match="cannot be reached") as caught:
        await sink.ingest(events(1))
    assert not isinstance(caught.value, Trip)


async def test_an_answer_that_does_not_come_is_a_retry(over_http: OverHttp) -> None:
    await over_http.control({"hang": 30})
    sink = OpenMeterClient(over_http.http, over_http.url, FakeClock(), 0.05)
    with pytest.raises(Retry, match=r"did not answer within 0\.05 s"):
        await sink.ingest(events(1))


async def test_an_answer_that_only_drips_ends_with_the_timeout(over_http: OverHttp) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    app = web.Application()
    app.router.add_post("/api/v1/events", drip)
    async with TestServer(app) as server:
        sink = OpenMeterClient(over_http.http, f"{server.make_url('')}", FakeClock(), 0.1)
        with pytest.raises(Retry, match="did not answer within"):
            await sink.ingest(events(1))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8888", "http://", "http://x:port"])
def test_an_address_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(Stop, match="OPENMETER_URL"):
        connect(Settings(openmeter_url=url), FakeClock())


def test_the_settings_make_a_client_with_a_token_and_no_redirects() -> None:
    client = connect(Settings(openmeter_token="made-up", openmeter_url="http://127.0.0.1:1/"), FakeClock())
    assert client._url == "http://127.0.0.1:1/api/v1/events"
    assert client._http.headers["authorization"] == "Bearer made-up"
    assert not client._http.follow_redirects
