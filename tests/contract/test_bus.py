"""One suite for both: a stream in memory, and nats-py with a real NATS server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from nats.js.api import StorageType, StreamConfig

from agents.backoff import Backoff
from agents.errors import Reject, Retry, Stop, Trip
from agents.protocols import Bus
from app.local.nats_server import NatsServer
from app.nats.connection import Connection, connect
from app.nats.jetstream import JetStreamBus
from app.nats.stream import ensure_stream, wanted_stream
from app.settings import Settings
from tests.fakes.bus import MAX_PAYLOAD, FakeBus, Stored
from tests.fakes.clock import FakeClock

SUBJECT = "billing.live.payment.success.cus_1"
STREAM = "BILLING_EVENTS"
BACKOFF = Backoff(random=lambda: 0.0, base=0.2, ceiling=0.2)


class RealClock(FakeClock):
    """Sleeps in earnest: a real server is on the other side."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Rig(Protocol):
    @property
    def bus(self) -> Bus: ...
    async def stored(self) -> list[Stored]: ...


class InMemory:
    def __init__(self) -> None:
        self.bus = FakeBus()

    async def stored(self) -> list[Stored]:
        return self.bus.stored


class OverNats:
    def __init__(self, server: NatsServer, **changes: object) -> None:
        self.server = server
        self.settings = Settings(nats_url=server.url, nats_timeout=1.0, **changes)
        self.connection: Connection = connect(self.settings)
        self.bus = JetStreamBus(self.connection, STREAM, 1.0)

    async def ensure(self, **changes: object) -> None:
        settings = self.settings.model_copy(update=changes)
        await ensure_stream(
            self.connection,
            wanted_stream(settings),
            RealClock(),
            BACKOFF,
            create=settings.nats_create_stream,
        )

    async def stored(self) -> list[Stored]:
        jetstream = await self.connection.jetstream()
        info = await jetstream.stream_info(STREAM)
        found = []
        for sequence in range(1, info.state.last_seq + 1):
            message = await jetstream.get_msg(STREAM, sequence)
            assert message.headers is not None
            assert message.headers["Content-Type"] == "application/cloudevents+json"
            assert message.headers["Nats-Expected-Stream"] == STREAM
            found.append(Stored(message.subject or "", message.data or b"", message.headers["Nats-Msg-Id"]))
        return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "jetstream")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def over_nats(server: NatsServer) -> AsyncIterator[OverNats]:
    rig = OverNats(server)
    await rig.ensure()
    yield rig
    await rig.connection.close()


@pytest.fixture(params=["in memory", "over nats"])
async def rig(request: pytest.FixtureRequest, over_nats: OverNats) -> Rig:
    return InMemory() if request.param == "in memory" else over_nats


async def test_a_message_is_stored_whole_under_its_subject_and_id(rig: Rig) -> None:
    published = await rig.bus.publish(SUBJECT, b'{"id":1}', "acct_1/in_1")
    assert (published.stream, published.sequence, published.duplicate) == (STREAM, 1, False)
    assert await rig.stored() == [Stored(SUBJECT, b'{"id":1}', "acct_1/in_1")]


async def test_the_same_id_again_is_a_duplicate_and_stored_once(rig: Rig) -> None:
    first = await rig.bus.publish(SUBJECT, b"1", "acct_1/in_1")
    await rig.bus.publish(SUBJECT, b"2", "acct_1/in_2")
    again = await rig.bus.publish(SUBJECT, b"1", "acct_1/in_1")
    assert again.duplicate
    assert again.sequence == first.sequence
    assert len(await rig.stored()) == 2


async def test_many_at_once_are_all_stored(rig: Rig) -> None:
    sequences = await asyncio.gather(
        *(rig.bus.publish(f"billing.live.x.cus_{n}", b"x", f"acct_1/{n}") for n in range(300))
    )
    assert sorted(published.sequence for published in sequences) == list(range(1, 301))


async def test_a_message_larger_than_the_server_takes_is_refused_and_harms_no_other(rig: Rig) -> None:
    with pytest.raises(Reject, match="too_large"):
        await rig.bus.publish(SUBJECT, b"x" * (MAX_PAYLOAD + 1), "acct_1/in_1")
    await rig.bus.publish(SUBJECT, b"x", "acct_1/in_2")
    assert len(await rig.stored()) == 1


# What only a server has


async def test_headers_count_towards_the_size(over_nats: OverNats) -> None:
    with pytest.raises(Reject, match="too_large"):
        await over_nats.bus.publish(SUBJECT, b"x" * (MAX_PAYLOAD - 20), "acct_1/in_1")
    largest = MAX_PAYLOAD - 120  # what the headers of this one take
    await over_nats.bus.publish(SUBJECT, b"x" * largest, "acct_1/in_2")
    with pytest.raises(Reject, match="too_large"):
        await over_nats.bus.publish(SUBJECT, b"x" * (largest + 1), "acct_1/in_2")
    assert over_nats.connection.connected


async def test_a_missing_stream_is_a_retry_that_comes_at_once(over_nats: OverNats) -> None:
    jetstream = await over_nats.connection.jetstream()
    await jetstream.delete_stream(STREAM)
    with pytest.raises(Retry, match="No stream answers") as caught:
        await over_nats.bus.publish(SUBJECT, b"x", "acct_1/in_1")
    assert not isinstance(caught.value, Trip)


async def test_subjects_of_another_stream_open_the_breaker(over_nats: OverNats) -> None:
    jetstream = await over_nats.connection.jetstream()
    await jetstream.delete_stream(STREAM)
    await jetstream.add_stream(StreamConfig(name="OTHER", subjects=["billing.>"]))
    with pytest.raises(Trip, match="TOLLBRIDGE_NATS_STREAM"):
        await over_nats.bus.publish(SUBJECT, b"x", "acct_1/in_1")


async def test_a_full_stream_is_a_retry(over_nats: OverNats) -> None:
    jetstream = await over_nats.connection.jetstream()
    config = (await jetstream.stream_info(STREAM)).config
    await jetstream.update_stream(config.evolve(max_msgs=1, discard="new"))
    await over_nats.bus.publish(SUBJECT, b"x", "acct_1/in_1")
    with pytest.raises(Retry, match="maximum messages"):
        await over_nats.bus.publish(SUBJECT, b"x", "acct_1/in_2")


async def test_a_killed_server_is_a_retry_and_the_same_bus_goes_on_after_its_restart(
    over_nats: OverNats,
) -> None:
    await over_nats.bus.publish(SUBJECT, b"1", "acct_1/in_1")
    await over_nats.server.kill()
    for _ in range(3):
        with pytest.raises(Retry):
            await over_nats.bus.publish(SUBJECT, b"2", "acct_1/in_2")
    await over_nats.server.start()
    published = await _sooner_or_later(over_nats.bus, b"2", "acct_1/in_2")
    assert published == 2
    assert [stored.payload for stored in await over_nats.stored()] == [b"1", b"2"]


async def test_a_bus_that_was_never_connected_connects_when_the_server_comes(
    server: NatsServer,
) -> None:
    first = OverNats(server)
    await first.ensure()
    await first.connection.close()
    await server.kill()
    late = OverNats(server)
    with pytest.raises(Retry, match="cannot be reached"):
        await late.bus.publish(SUBJECT, b"1", "acct_1/in_1")
    await server.start()
    assert await _sooner_or_later(late.bus, b"1", "acct_1/in_1") == 1
    await late.connection.close()


async def test_many_who_find_no_connection_wait_for_one_attempt_together(server: NatsServer) -> None:
    await server.kill()
    rig = OverNats(server)
    loop = asyncio.get_running_loop()
    began = loop.time()
    publishes = (rig.bus.publish(SUBJECT, b"1", f"acct_1/{n}") for n in range(50))
    outcomes = await asyncio.gather(*publishes, return_exceptions=True)
    assert all(isinstance(outcome, Retry) for outcome in outcomes)
    assert loop.time() - began < 5.0


async def test_a_closed_connection_is_made_again(over_nats: OverNats) -> None:
    await over_nats.connection.close()
    await over_nats.bus.publish(SUBJECT, b"1", "acct_1/in_1")


# The stream at start


async def test_a_missing_stream_is_made_as_the_settings_say(server: NatsServer) -> None:
    rig = OverNats(server, nats_duplicate_window=300.0, nats_max_age_days=7.0)
    await rig.ensure()
    await rig.ensure()  # and is then as it should be
    config = (await (await rig.connection.jetstream()).stream_info(STREAM)).config
    assert config.subjects == ["billing.>"]
    assert (config.duplicate_window, config.max_age) == (300.0, 7 * 86400.0)
    assert (config.storage, config.num_replicas) == (StorageType.FILE, 1)
    await rig.connection.close()


async def test_a_stream_for_ever_is_made_and_recognised(server: NatsServer) -> None:
    rig = OverNats(server, nats_max_age_days=0.0)
    await rig.ensure()
    await rig.ensure()
    await rig.connection.close()


async def test_every_difference_is_named_with_both_cures_and_nothing_is_changed(over_nats: OverNats) -> None:
    jetstream = await over_nats.connection.jetstream()
    before = (await jetstream.stream_info(STREAM)).config
    with pytest.raises(Stop) as caught:
        await over_nats.ensure(
            nats_replicas=3, nats_duplicate_window=60.0, nats_max_age_days=1.0, nats_subject_prefix="bills"
        )
    sentence = str(caught.value)
    for named in ("REPLICAS", "DUPLICATE_WINDOW", "MAX_AGE_DAYS", "SUBJECT_PREFIX"):
        assert f"TOLLBRIDGE_NATS_{named}" in sentence
    assert "set the variables" in sentence
    assert "nats stream edit BILLING_EVENTS --subjects='bills.>' --replicas=3" in sentence
    assert (await jetstream.stream_info(STREAM)).config == before


async def test_a_stream_in_memory_is_refused(server: NatsServer) -> None:
    rig = OverNats(server)
    jetstream = await rig.connection.jetstream()
    config = wanted_stream(rig.settings).config()
    await jetstream.add_stream(config.evolve(storage=StorageType.MEMORY))
    with pytest.raises(Stop, match="its storage is 'memory', wanted is 'file'"):
        await rig.ensure()
    await rig.connection.close()


async def test_a_missing_stream_that_may_not_be_made_stops_with_the_command_that_makes_it(
    server: NatsServer,
) -> None:
    rig = OverNats(server)
    with pytest.raises(Stop, match="nats stream add BILLING_EVENTS --storage=file"):
        await rig.ensure(nats_create_stream=False)
    await rig.connection.close()


async def test_settings_that_nats_refuses_stop_with_its_words(server: NatsServer) -> None:
    rig = OverNats(server)
    with pytest.raises(Stop, match="TOLLBRIDGE_NATS_"):
        await rig.ensure(nats_replicas=3)  # of one server
    await rig.connection.close()


async def test_the_check_waits_for_a_server_that_is_away(server: NatsServer) -> None:
    await server.kill()
    rig = OverNats(server)
    check = asyncio.ensure_future(rig.ensure())
    await asyncio.sleep(0.5)
    assert not check.done()
    await server.start()
    await asyncio.wait_for(check, 20)
    await rig.bus.publish(SUBJECT, b"1", "acct_1/in_1")
    await rig.connection.close()


# Who may do what


class GuardedNats(NatsServer):
    """A server with users: `all` may everything, `some` only publish live events, `deaf` reads no inbox."""

    CONFIG = """
    authorization { users: [
      { user: all, password: all }
      { user: some, password: some, permissions: { publish: ["billing.live.>"], subscribe: ["_INBOX.>"] } }
      { user: deaf, password: deaf, permissions: { publish: [">"], subscribe: ["nothing"] } }
    ] }
    """

    def command(self) -> Sequence[str]:
        arguments = super().command()
        config = self.store / "users.conf"
        config.write_text(self.CONFIG)
        return [*arguments, "--config", str(config)]


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[GuardedNats]:
    server = GuardedNats(tmp_path / "jetstream")
    await server.start()
    owner = OverNats(server, nats_user="all", nats_password="all")
    await owner.ensure()
    await owner.connection.close()
    yield server
    await server.kill()


async def test_a_publisher_needs_no_more_than_its_subjects_and_its_inbox(guarded: GuardedNats) -> None:
    rig = OverNats(guarded, nats_user="some", nats_password="some")
    assert (await rig.bus.publish(SUBJECT, b"1", "acct_1/in_1")).sequence == 1
    await rig.connection.close()


@pytest.mark.parametrize("user", ["some", "deaf"])
async def test_a_refused_permission_opens_the_breaker_with_the_servers_words(
    guarded: GuardedNats, user: str
) -> None:
    rig = OverNats(guarded, nats_user=user, nats_password=user)
    with pytest.raises(Trip, match="permissions violation"):
        await rig.bus.publish("billing.test.payment.success.Cus_1", b"1", "acct_1/in_1")
    await rig.connection.close()


async def test_wrong_credentials_open_the_breaker_and_stop_the_start(guarded: GuardedNats) -> None:
    rig = OverNats(guarded, nats_user="all", nats_password="wrong")
    with pytest.raises(Trip, match="NATS_PASSWORD") as caught:
        await rig.bus.publish(SUBJECT, b"1", "acct_1/in_1")
    assert "wrong" not in str(caught.value)
    with pytest.raises(Stop, match="NATS_PASSWORD"):
        await rig.ensure()


async def test_a_stream_that_may_not_be_looked_at_stops_with_the_permission_to_give(
    guarded: GuardedNats,
) -> None:
    rig = OverNats(guarded, nats_user="some", nats_password="some")
    with pytest.raises(Stop, match=r"\$JS\.API\.STREAM\.INFO\.BILLING_EVENTS"):
        await rig.ensure()
    await rig.connection.close()


async def _sooner_or_later(bus: JetStreamBus, payload: bytes, message_id: str) -> int:
    async with asyncio.timeout(20):
        while True:
            try:
                return (await bus.publish(SUBJECT, payload, message_id)).sequence
            except Retry:
                await asyncio.sleep(0.1)
