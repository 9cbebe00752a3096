"""The parts of the queries: partitions as Kafka has them, addresses, owners, aliases in recovery."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from faust.types import TP
from yarl import URL

from app.kafka.consumer import Consumer
from app.queries.owners import FaustOwners, advertised_url
from app.queries.partition import partition_of
from app.settings import SettingsError, read_settings
from tables.row import Origin, pack
from tables.table import NOTE_EVERY, Table
from tables.timeline import without_customer


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_a_key_lies_where_javas_client_puts_it(key: bytes, murmur2: int) -> None:
    """Hashes from Apache Kafka's own tests (UtilsTest.testMurmur2)."""
    assert partition_of(key, 1 << 31) == murmur2 & 0x7FFFFFFF
    assert partition_of(key, 8) == (murmur2 & 0x7FFFFFFF) % 8


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:6066"),
        ({"TOLLBRIDGE_LIFECYCLE_PORT": "7"}, "http://127.0.0.1:7"),
        ({"TOLLBRIDGE_BIND": "0.0.0.0"}, f"http://{socket.gethostname().lower()}:6066"),  # noqa: S104 - not bound to
        ({"TOLLBRIDGE_BIND": "::1"}, "http://[::1]:6066"),
        ({"TOLLBRIDGE_ADVERTISED_URL": "https://w-0.w:1/below"}, "https://w-0.w:1/below"),
    ],
)
def test_a_worker_says_where_others_reach_it(environment: dict[str, str], url: str) -> None:
    assert str(advertised_url(read_settings(environment))) == url


@pytest.mark.parametrize("address", ["lifecycle-0:6066", "ftp://x", "http://", "http://x?y=1", "http://a b"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(SettingsError, match=r"TOLLBRIDGE_ADVERTISED_URL: .* must be an address"):
        read_settings({"TOLLBRIDGE_ADVERTISED_URL": address})


def test_the_query_token_is_never_shown() -> None:
    assert "hush" not in repr(read_settings({"TOLLBRIDGE_QUERY_TOKEN": "hush"}))


class AssignedConsumer(Consumer):
    """A consumer that has been given two partitions, and a changelog."""

    def __init__(self) -> None:
        self.rebalances = 1

    def assignment(self) -> set[TP]:
        return {TP("stripe.events", 1), TP("stripe.events", 4), TP("x-changelog", 7)}


def new_app(**changes: Any) -> faust.App:
    """As much of a Faust application as is looked at; all is well with it but for `changes`."""
    recovered = SimpleNamespace(recovery=SimpleNamespace(completed=SimpleNamespace(is_set=lambda: True)))
    metadata = {
        "http://a:1": {"stripe.events": [1, 4], "x-changelog": [1, 4]},
        "http://b:1": {"stripe.events": [0, 2]},
        "http://c:1": {},
    }
    usual = {
        "started": True,
        "should_stop": False,
        "rebalancing": False,
        "in_recovery": False,
        "consumer": AssignedConsumer(),
        "tables": recovered,
        "conf": SimpleNamespace(canonical_url=URL("http://a:1")),
        "router": SimpleNamespace(external_topics_metadata=lambda: metadata),
    }
    return cast("faust.App", SimpleNamespace(**{**usual, **changes}))


def test_a_worker_answers_for_what_it_was_given_and_knows_what_others_were() -> None:
    owners = FaustOwners(new_app(), "stripe.events", lambda: True)
    assert owners.local() == {1, 4}
    assert owners.others() == {URL("http://b:1"): {0, 2}, URL("http://c:1"): frozenset()}


@pytest.mark.parametrize(
    "changes", [{"started": False}, {"should_stop": True}, {"rebalancing": True}, {"in_recovery": True}]
)
def test_while_partitions_move_or_tables_recover_a_worker_answers_for_none(changes: dict[str, bool]) -> None:
    assert FaustOwners(new_app(**changes), "stripe.events", lambda: True).local() == frozenset()


def test_before_its_first_recovery_a_worker_answers_for_none() -> None:
    waiting = SimpleNamespace(recovery=SimpleNamespace(completed=SimpleNamespace(is_set=lambda: False)))
    assert FaustOwners(new_app(tables=waiting), "stripe.events", lambda: True).local() == frozenset()


def test_a_worker_whose_lease_has_run_out_answers_for_none() -> None:
    assert FaustOwners(new_app(), "stripe.events", lambda: False).local() == frozenset()


def test_recovery_writes_aliases_too(tmp_path: Path) -> None:
    app = faust.App("x", broker="kafka://127.0.0.1:1", datadir=tmp_path, store="rocksdb://")
    table = Table(app, name="timeline", partitions=4, alias_of=without_customer)
    record = SimpleNamespace(
        tp=TP("x-timeline-changelog", 3), partition=3, offset=0, key=b"platform|live|cus_1|sub_1"
    )
    record.value = pack(Origin(1, 0), b"row")
    table.rows.apply_changelog_batch([cast("Any", SimpleNamespace(message=record))], bytes, bytes)
    assert table.aliased(3, b"platform|live|sub_1") == record.key
    assert table.aliased(2, b"platform|live|sub_1") is None
    assert list(table.scan(3, b"platform|live|cus_1|")) == [(record.key, b"row")]
    assert list(table.scan(3, b"platform|live|cus_1|", after=record.key)) == []


def test_how_far_the_changelog_goes_is_noted_in_steps_and_never_too_far(tmp_path: Path) -> None:
    app = faust.App("x", broker="kafka://127.0.0.1:1", datadir=tmp_path, store="rocksdb://")
    table = Table(app, name="timeline", partitions=4)
    tp = TP("x-timeline-changelog", 2)
    for offset in range(1000):
        table.acknowledged(2, offset)
        noted = table.rows.persisted_offset(tp)
        assert noted is not None
        assert offset - NOTE_EVERY < noted <= offset
    table.acknowledged(2, 3)  # the partition went, and came back with a changelog made anew
    assert table.rows.persisted_offset(tp) == 3
