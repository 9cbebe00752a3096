"""Stripe's API as it is read: against a server that answers as Stripe does, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from agents.errors import Reject, Retry, Trip
from app.clock import SystemClock
from app.settings import SettingsError, read_settings
from app.stripe_api.client import API_VERSION, StripeApi, connect, readable_modes
from tests.stripe_shapes import subscription

KEY = "rk_test_1234567890"
DATE = "Thu, 29 Oct 2026 12:00:07 GMT"
NO_SUCH = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such x"}}


class FakeStripe:
    """Answers as Stripe's API does, or as `status`, `headers` and `body` say."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: Any = subscription()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"message": "Invalid API Key provided"}}, status=401)
        if request.path != "/v1/subscriptions/sub_1":
            return web.json_response(NO_SUCH, status=404, headers={"date": DATE})
        headers = {"date": DATE, **self.headers}
        return web.json_response(self.body, status=self.status, headers=headers)


@pytest.fixture
async def stripe() -> AsyncIterator[tuple[FakeStripe, str]]:
    fake = FakeStripe()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield fake, f"http://127.0.0.1:{port}"
    await runner.cleanup()


def client(base: str, key: str = KEY, timeout: float = 5) -> StripeApi:
    settings = read_settings(
        {"STRIPE_API_KEY": key, "STRIPE_API_BASE": base, "TOLLBRIDGE_STRIPE_API_TIMEOUT": str(timeout)}
    )
    return connect(settings, SystemClock())


async def test_an_object_is_read_with_key_version_and_context(stripe: tuple[FakeStripe, str]) -> None:
    fake, base = stripe
    api = client(base + "/")
    answer = await api.get("/v1/subscriptions/sub_1", "acct_1")
    await api.get("/v1/subscriptions/sub_1", None)
    await api.close()
    assert answer.body is not None
    assert b'"sub_1"' in answer.body
    assert answer.at == 1_793_275_207  # Stripe's Date, not our clock
    first, second = fake.asked
    assert (first.method, first.path) == ("GET", "/v1/subscriptions/sub_1")
    assert first.headers["stripe-version"] == API_VERSION
    assert first.headers["stripe-context"] == "acct_1"
    assert "stripe-context" not in second.headers


async def test_a_404_is_an_answer(stripe: tuple[FakeStripe, str]) -> None:
    api = client(stripe[1])
    answer = await api.get("/v1/subscriptions/sub_gone", None)
    await api.close()
    assert (answer.body, answer.at) == (None, 1_793_275_207)


@pytest.mark.parametrize(
    ("status", "cure", "said"),
    [
        (400, Reject, "400: Because of this."),
        (402, Reject, "402"),
        (403, Trip, "STRIPE_API_KEY: it may not read this"),
        (302, Trip, "STRIPE_API_BASE"),
        (409, Retry, "409"),
        (429, Retry, "429: Because of this."),
        (500, Retry, "500"),
        (503, Retry, "503"),
    ],
)
async def test_each_answer_has_its_cure(
    stripe: tuple[FakeStripe, str], status: int, cure: type[Exception], said: str
) -> None:
    fake, base = stripe
    fake.status, fake.body = status, {"error": {"message": "Because of\nthis"}}
    api = client(base)
    with pytest.raises(cure) as refused:
        await api.get("/v1/subscriptions/sub_1", None)
    await api.close()
    assert type(refused.value) is cure
    assert said in str(refused.value)
    assert KEY not in str(refused.value)


async def test_a_wrong_key_trips_and_is_not_shown(stripe: tuple[FakeStripe, str]) -> None:
    api = client(stripe[1], "sk_test_wrong")
    with pytest.raises(Trip, match="Look at STRIPE_API_KEY") as refused:
        await api.get("/v1/subscriptions/sub_1", None)
    await api.close()
    assert "sk_test_wrong" not in str(refused.value)


async def test_stripes_wish_to_be_left_alone_for_a_while_is_heard(stripe: tuple[FakeStripe, str]) -> None:
    fake, base = stripe
    fake.status, fake.headers = 429, {"retry-after": "7"}
    api = client(base)
    with pytest.raises(Retry) as refused:
        await api.get("/v1/subscriptions/sub_1", None)
    await api.close()
    assert refused.value.after == 7


async def test_an_answer_without_end_is_refused(stripe: tuple[FakeStripe, str]) -> None:
    fake, base = stripe
    fake.body = "x" * (5 << 20)
    api = client(base)
    with pytest.raises(Reject, match="too_large"):
        await api.get("/v1/subscriptions/sub_1", None)
    await api.close()


async def test_nobody_there_is_tried_again_later(unused_tcp_port: int) -> None:
    api = client(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(Retry, match="cannot be reached"):
        await api.get("/v1/subscriptions/sub_1", None)
    await api.close()


@pytest.mark.parametrize(
    ("key", "modes"),
    [
        ("sk_live_1", {"live"}),
        ("rk_test_1", {"test"}),
        ("sk_org_live_1", {"live"}),
        ("sk_something", {"live", "test"}),
        (None, set()),
    ],
)
def test_a_key_says_which_mode_it_reads(key: str | None, modes: set[str]) -> None:
    settings = read_settings({} if key is None else {"STRIPE_API_KEY": key})
    assert readable_modes(settings) == modes
    assert key is None or settings.stripe_api_key == SecretStr(key)


@pytest.mark.parametrize(
    ("name", "value"),
    [("STRIPE_API_KEY", "pk_live_1"), ("STRIPE_API_KEY", "whsec_1"), ("STRIPE_API_BASE", "stripe.com")],
)
def test_a_wrong_setting_is_refused_without_being_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        read_settings({name: value})
    assert name == "STRIPE_API_BASE" or value not in str(refused.value)
