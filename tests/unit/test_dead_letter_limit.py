from __future__ import annotations

import pytest

from agents.dead_letter_limit import DeadLetterLimit
from agents.errors import Stop


def bury(limit: DeadLetterLimit, count: int = 1) -> None:
    for _ in range(count):
        limit.check("refused")
        limit.buried()


def test_as_many_in_a_row_as_allowed_and_not_one_more() -> None:
    limit = DeadLetterLimit(max_ratio=1.0, max_consecutive=3)
    bury(limit, 3)
    with pytest.raises(Stop, match=r"3 messages in a row .*_DEAD_LETTER_MAX_CONSECUTIVE"):
        limit.check("refused")


def test_one_success_begins_the_row_anew() -> None:
    limit = DeadLetterLimit(max_ratio=1.0, max_consecutive=3)
    for _ in range(50):
        bury(limit, 3)
        limit.passed()
    bury(limit, 3)


def test_no_success_at_all_does_not_begin_the_row_anew() -> None:
    limit = DeadLetterLimit(max_ratio=1.0, max_consecutive=3)
    bury(limit, 3)
    limit.passed(0)
    with pytest.raises(Stop):
        limit.check("refused")


def test_too_large_a_share_of_the_recent_messages_stops() -> None:
    limit = DeadLetterLimit(max_ratio=0.5, max_consecutive=10, window=10)
    for _ in range(3):
        limit.passed()
        bury(limit, 2)
    with pytest.raises(Stop, match=r"of the last 10 messages .*_DEAD_LETTER_MAX_RATIO"):
        bury(limit, 2)


def test_the_share_does_not_count_before_the_window_is_full() -> None:
    limit = DeadLetterLimit(max_ratio=0.1, max_consecutive=10, window=100)
    bury(limit, 1)
    limit.passed(98)
    bury(limit, 1)


def test_one_in_a_hundred_goes_on_for_ever() -> None:
    limit = DeadLetterLimit(max_ratio=0.5, max_consecutive=100)
    for _ in range(1000):
        limit.passed(99)
        bury(limit)


def test_what_is_long_ago_counts_no_more() -> None:
    limit = DeadLetterLimit(max_ratio=0.5, max_consecutive=100, window=10)
    bury(limit, 5)
    limit.passed(10)
    bury(limit, 5)
    with pytest.raises(Stop):
        limit.check("refused")


def test_a_check_that_stopped_is_not_counted_as_a_burial() -> None:
    limit = DeadLetterLimit(max_ratio=1.0, max_consecutive=1)
    bury(limit)
    for _ in range(2):
        with pytest.raises(Stop, match="1 messages in a row"):
            limit.check("refused")
