from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.backoff import Backoff


def schedule(chance: float = 1.0) -> Backoff:
    return Backoff(random=lambda: chance, base=0.1, ceiling=30.0, longest_request=300.0)


def test_delays_double_up_to_the_ceiling() -> None:
    delays = [schedule().delay(failures) for failures in range(1, 12)]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0])


def test_half_of_a_delay_is_chance_so_that_nobody_comes_back_at_once() -> None:
    assert schedule(0.0).delay(10) == 15.0
    assert schedule(1.0).delay(10) == 30.0


def test_a_request_for_a_pause_is_honoured_and_never_shortened() -> None:
    assert schedule(0.0).delay(1, after=7.0) == 7.0
    assert schedule(1.0).delay(1, after=7.0) == pytest.approx(7.7)


def test_a_request_for_a_week_is_cut_to_the_longest_we_grant() -> None:
    assert schedule(0.0).delay(1, after=7 * 86400.0) == 300.0


def test_a_request_for_less_than_our_own_delay_does_not_shorten_it() -> None:
    assert schedule(1.0).delay(10, after=0.0) == 30.0


@given(
    failures=st.integers(1, 10**9),
    chance=st.floats(0, 1, exclude_max=True),
    after=st.none() | st.floats(-1e9, 1e12),
)
def test_a_delay_is_positive_and_bounded_whatever_comes(
    failures: int, chance: float, after: float | None
) -> None:
    delay = schedule(chance).delay(failures, after)
    assert 0.05 <= delay <= 330.0
    if after is not None:
        assert delay >= min(after, 300.0)
