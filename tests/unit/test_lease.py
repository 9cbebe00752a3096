"""A worker begins nothing unless it can be sure that its partitions are still its own."""

from __future__ import annotations

import pytest

from agents.lease import Lease


def test_no_work_before_the_first_heartbeat() -> None:
    assert not Lease(20, 10).valid(0.0)


def test_what_is_begun_has_left_before_the_session_can_end() -> None:
    lease = Lease(session_timeout=20, delivery_timeout=8)
    lease.renew(100.0)
    assert lease.valid(111.9)
    assert not lease.valid(112.0)  # sent at 112 and given up at 120, when Kafka may have another owner


def test_an_older_answer_does_not_shorten_the_lease() -> None:
    lease = Lease(20, 10)
    lease.renew(100.0)
    lease.renew(90.0)
    assert lease.valid(109.0)


def test_a_lease_ends_with_the_partitions() -> None:
    lease = Lease(20, 10)
    lease.renew(100.0)
    lease.end()
    assert not lease.valid(100.0)


def test_a_delivery_timeout_as_long_as_the_session_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Lease(10, 10)
