"""Queries over HTTP: what is answered, who may ask, and how one worker asks another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from yarl import URL

from app.queries.forward import FORWARDED, Forwarder
from app.queries.partition import partition_of
from billing.decide import Policy
from tests.query_workers import PARTITIONS, Tables, Worker, introduce, query_worker
from tests.stripe_shapes import body, event, invoice, subscription


def created(customer: str, subscription_id: str, **changes: object) -> bytes:
    account, livemode = changes.pop("account", None), changes.pop("livemode", True)
    told = subscription(subscription_id, customer=customer, **changes)
    made = event("customer.subscription.created", told, event_id=f"evt_{subscription_id}")
    return body({**made, "livemode": livemode} | ({"account": account} if account else {}))


def partition(customer: str) -> int:
    return partition_of(f"platform|live|{customer}".encode(), PARTITIONS)


@pytest.fixture(scope="module")
def tables() -> Tables:
    found = Tables()
    found.take([created("cus_1", f"sub_{number:03}") for number in range(1, 6)])
    found.take([created("cus_1", "sub_003")])
    found.take([created("cus_2", "sub_t", livemode=False), created("cus_3", "sub_c", account="acct_1")])
    found.take([created("cus_4", "sub_ignored")], Policy(livemode="test"))
    found.take([created("cus/5 ü?", "sub 5/ü?")])
    return found


@pytest.fixture
async def worker(tables: Tables) -> AsyncIterator[Worker]:
    async with query_worker(tables) as running:
        yield running


async def test_a_subscription_by_its_id_alone(worker: Worker) -> None:
    status, answer, headers = await worker.get("/v1/subscriptions/sub_001")
    assert status == 200
    assert (answer["id"], answer["customer"], answer["status"]) == ("sub_001", "cus_1", "active")
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


async def test_a_customers_subscriptions_a_page_at_a_time(worker: Worker) -> None:
    found: list[str] = []
    after = ""
    for _ in range(3):
        status, answer, _ = await worker.get(f"/v1/customers/cus_1/subscriptions?limit=2{after}")
        assert status == 200
        found += [one["id"] for one in answer["subscriptions"]]
        after = f"&after={answer['next']}"
    assert found == [f"sub_{number:03}" for number in range(1, 6)]
    assert answer["next"] is None


async def test_behind_the_last_subscription_there_is_an_empty_page(worker: Worker) -> None:
    status, answer, _ = await worker.get("/v1/customers/cus_1/subscriptions?after=sub_999")
    assert (status, answer["subscriptions"], answer["next"]) == (200, [], None)


async def test_a_timeline_says_what_came_and_what_was_made_of_it(worker: Worker) -> None:
    status, answer, _ = await worker.get("/v1/subscriptions/sub_003/timeline")
    assert status == 200
    assert answer["partition"] == partition("cus_1")
    first, second = answer["entries"]
    assert (first["outcome"], first["reason"]) == ("applied", "the subscription is active")
    assert first["emitted"] == ["subscription.started:sub_003"]
    assert second["outcome"] == "duplicate"
    assert second["reason"].startswith("the same event came before, at offset 2 of stripe.events/")
    assert second["emitted"] == []


async def test_why_a_subscription_is_not_there_stands_in_its_timeline(worker: Worker) -> None:
    assert (await worker.get("/v1/subscriptions/sub_ignored"))[0] == 404
    _, answer, _ = await worker.get("/v1/subscriptions/sub_ignored/timeline")
    assert [one["reason"] for one in answer["entries"]] == [
        "a live-mode event, and only test mode is told here"
    ]


async def test_accounts_and_modes_are_worlds_of_their_own(worker: Worker) -> None:
    for path, status in (
        ("sub_t", 404),
        ("sub_t?mode=test", 200),
        ("sub_t?mode=live", 404),
        ("sub_c", 404),
        ("sub_c?account=acct_1", 200),
        ("sub_001?account=acct_1", 404),
    ):
        assert (await worker.get(f"/v1/subscriptions/{path}"))[0] == status, path


async def test_ids_may_hold_whatever_stripe_once_allowed(worker: Worker) -> None:
    _, answer, _ = await worker.get("/v1/customers/cus%2F5%20%C3%BC%3F/subscriptions")
    assert [one["id"] for one in answer["subscriptions"]] == ["sub 5/ü?"]
    assert (await worker.get("/v1/subscriptions/sub%205%2F%C3%BC%3F/timeline"))[0] == 200


@pytest.mark.parametrize("path", ["customers/x/subscriptions", "subscriptions/x", "subscriptions/x/timeline"])
async def test_the_unknown_is_404_in_words(worker: Worker, path: str) -> None:
    status, problem, headers = await worker.get(f"/v1/{path}?mode=test&account=acct_9")
    assert status == 404
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"  # it may be known in a moment
    assert "x in test mode of acct_9" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("mode=both", "mode must be live or test"),
        ("limit=0", "limit must be"),
        ("limit=101", "limit must be"),
        ("limit=-1", "limit must be"),
        ("limit=%D9%A1", "limit must be"),
        ("account=", "account must be an id"),
        ("account=a%7Cb", "account must be an id"),
        ("after=%00", "after must be an id"),
        ("account=%ED%A0%80%0A", "account must be an id"),
        ("acount=acct_1", "unknown parameter 'acount'"),
        ("mode=live&mode=test", "mode is given 2 times"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(worker: Worker, query: str, words: str) -> None:
    status, problem, _ = await worker.get(f"/v1/customers/cus_1/subscriptions?{query}")
    assert status == 400
    assert words in problem["detail"]


async def test_fausts_own_pages_are_not_there(worker: Worker) -> None:
    for path in (
        "/table",
        "/table/",
        "/table/subscriptions/x",
        "/router",
        "/router/",
        "/stats",
        "/stats/",
        "/",
    ):
        async with worker.http.get(worker.url.joinpath(path.lstrip("/"))) as answer:
            assert answer.status == 404


# Who may ask


@pytest.fixture
async def locked(tables: Tables) -> AsyncIterator[Worker]:
    async with query_worker(tables, token="hush") as running:
        yield running


@pytest.mark.parametrize(
    "authorization", [None, "", "hush", "Basic hush", "Bearer", "Bearer wrong", "Bearer hushh", "Bearer hüsh"]
)
@pytest.mark.parametrize("path", ["customers/x/subscriptions", "subscriptions/x", "subscriptions/x/timeline"])
async def test_without_the_token_nothing_is_told(
    locked: Worker, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    status, problem, answered = await locked.get(f"/v1/{path}?nonsense=1", headers)
    assert status == 401
    assert answered["WWW-Authenticate"].startswith("Bearer")
    assert "hush" not in str(problem)


async def test_with_the_token_it_is(locked: Worker) -> None:
    assert (await locked.get("/v1/subscriptions/sub_001", {"Authorization": "Bearer hush"}))[0] == 200
    assert (await locked.get("/v1/subscriptions/sub_001", {"Authorization": "bearer  hush"}))[0] == 200
    assert (await locked.get("/v1/openapi.json"))[0] == 200


# One worker asks another


def split(tables: Tables, owned: frozenset[int]) -> Tables:
    part = Tables()
    for whole, half in ((tables.subscriptions, part.subscriptions), (tables.timelines, part.timelines)):
        for (at, key), value in whole.rows.items():
            if at in owned:
                half.rows[at, key] = value
                half.add_alias(at, key)
    return part


@pytest.fixture
async def pair(tables: Tables) -> AsyncIterator[tuple[Worker, Worker]]:
    """The second has cus_1's partition and no other."""
    theirs = frozenset({partition("cus_1")})
    ours = frozenset(range(PARTITIONS)) - theirs
    async with (
        query_worker(split(tables, ours), ours, "hush") as first,
        query_worker(split(tables, theirs), theirs, "hush") as second,
    ):
        introduce(first, second)
        yield first, second


TOKEN = {"Authorization": "Bearer hush"}
OF_CUS_1 = (
    "/v1/customers/cus_1/subscriptions?limit=2&after=sub_001",
    "/v1/subscriptions/sub_001",
    "/v1/subscriptions/sub_001/timeline",
)


@pytest.mark.parametrize("path", OF_CUS_1)
async def test_any_worker_answers_for_any_key_and_the_same(pair: tuple[Worker, Worker], path: str) -> None:
    answers = [await worker.get(path, TOKEN) for worker in pair]
    assert [status for status, _, _ in answers] == [200, 200]
    assert answers[0][1] == answers[1][1]
    assert answers[0][2]["Content-Type"] == "application/json"


async def test_unknown_is_only_what_no_partition_knows(pair: tuple[Worker, Worker]) -> None:
    first, second = pair
    assert (await first.get("/v1/subscriptions/sub_x", TOKEN))[0] == 404
    second.owners.owned = frozenset()
    status, problem, headers = await first.get("/v1/subscriptions/sub_x", TOKEN)
    assert status == 503
    assert int(headers["Retry-After"]) >= 1
    assert f"Partitions {partition('cus_1')} cannot be asked now" in problem["detail"]


@pytest.mark.parametrize("path", OF_CUS_1)
async def test_while_the_owner_recovers_503_says_when_to_come_again(
    pair: tuple[Worker, Worker], path: str
) -> None:
    pair[1].owners.owned = frozenset()
    for worker in pair:
        status, _, headers = await worker.get(path, TOKEN)
        assert status == 503
        assert int(headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", OF_CUS_1)
async def test_an_owner_that_is_gone_is_503_within_a_short_time(
    pair: tuple[Worker, Worker], path: str, unused: URL
) -> None:
    first, second = pair
    first.owners.elsewhere = {unused: second.owners.owned}
    status, problem, _ = await first.get(path, TOKEN)
    assert status == 503
    assert "cannot be reached" in problem["detail"]


@pytest.fixture
async def unused() -> URL:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return URL(f"http://127.0.0.1:{port}")


async def test_a_frozen_owner_costs_its_time_and_no_more(pair: tuple[Worker, Worker], silent: URL) -> None:
    first, second = pair
    first.owners.elsewhere = {silent: second.owners.owned}
    async with asyncio.timeout(5):
        status, problem, _ = await first.get(OF_CUS_1[0], TOKEN)
    assert status == 503
    assert "did not answer in 0.5 s" in problem["detail"]


@pytest.fixture
async def silent() -> AsyncIterator[URL]:
    """Takes requests and answers none."""
    over = asyncio.Event()

    async def hold(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    application = web.Application()
    application.router.add_get("/{all:.*}", hold)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
    over.set()
    await runner.cleanup()


@pytest.mark.parametrize("path", OF_CUS_1)
async def test_when_ownership_has_moved_the_new_owner_is_asked(
    pair: tuple[Worker, Worker], path: str, unused: URL
) -> None:
    first, second = pair
    moved = first.owners.elsewhere
    first.owners.elsewhere = {unused: second.owners.owned}
    asking = asyncio.create_task(first.get(path, TOKEN))
    await asyncio.sleep(0.1)
    first.owners.elsewhere = moved
    assert (await asking)[0] == 200


async def test_a_forwarded_query_goes_no_further(pair: tuple[Worker, Worker]) -> None:
    first, _ = pair
    status, _, _ = await first.get(OF_CUS_1[0], {**TOKEN, FORWARDED: "1"})
    assert status == 503
    assert (await first.get(OF_CUS_1[1], {**TOKEN, FORWARDED: "1"}))[0] == 404


async def test_two_workers_that_each_take_the_other_for_the_owner_do_not_ask_for_ever(
    pair: tuple[Worker, Worker],
) -> None:
    everything = frozenset(range(PARTITIONS))
    for worker in pair:
        worker.owners.owned = frozenset()
    first, second = pair
    first.owners.elsewhere, second.owners.elsewhere = {second.url: everything}, {first.url: everything}
    for path in OF_CUS_1:
        assert (await first.get(path, TOKEN))[0] == 503


async def test_another_workers_refusal_is_not_the_callers(tables: Tables) -> None:
    """While a token is rolled, two workers may want different ones; the caller's was right here."""
    theirs = frozenset({partition("cus_1")})
    async with (
        query_worker(tables, frozenset(range(PARTITIONS)) - theirs, "old") as first,
        query_worker(tables, theirs, "new") as second,
    ):
        introduce(first, second)
        status, problem, _ = await first.get(OF_CUS_1[0], {"Authorization": "Bearer old"})
    assert status == 503
    assert "answered 401" in problem["detail"]


async def test_the_first_that_has_it_answers_though_another_hangs(
    pair: tuple[Worker, Worker], silent: URL
) -> None:
    first, second = pair
    first.owners.owned = frozenset()
    first.owners.elsewhere = {silent: frozenset({0, 1}), second.url: second.owners.owned}
    async with asyncio.timeout(0.45):
        assert (await first.get(OF_CUS_1[1], TOKEN))[0] == 200


async def test_an_invoice_without_its_subscription_has_status_null() -> None:
    tables = Tables()
    tables.take([body(event("invoice.paid", invoice("in_9", subscription_id="sub_9", customer="cus_9")))])
    async with query_worker(tables) as worker:
        _, answer, _ = await worker.get("/v1/subscriptions/sub_9")
    assert answer["status"] is None
    assert answer["last_payment"]["invoice"] == "in_9"


async def test_a_stranger_at_the_owners_address_makes_nothing_unknown(pair: tuple[Worker, Worker]) -> None:
    """A killed worker's port, or pod address, may be another program's before its partitions have moved."""
    first, second = pair
    runner = web.AppRunner(web.Application())  # answers 404 in plain text to everything
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        first.owners.elsewhere = {URL(f"http://127.0.0.1:{runner.addresses[0][1]}"): second.owners.owned}
        for path in OF_CUS_1:
            assert (await first.get(path, TOKEN))[0] == 503
    finally:
        await runner.cleanup()


async def test_behind_an_id_an_unknown_customer_is_unknown_too(worker: Worker) -> None:
    assert (await worker.get("/v1/customers/cus_never/subscriptions?after=sub_1"))[0] == 404


async def test_a_worker_that_ends_says_503_of_what_others_own() -> None:
    forwarder = Forwarder()
    await forwarder.ask(URL("http://127.0.0.1:9"), "/", None)
    await forwarder.close()
    assert await forwarder.ask(URL("http://127.0.0.1:9"), "/", None) == "this worker is ending"
