"""Twenty thousand deliveries of made-up histories: what is told, and how it ends, is what the model says.

`make soak` does a million with a seed of its own.
"""

from __future__ import annotations

import pytest

from tests.permuted_histories import PERMUTATIONS, check

PARTS = 8
HISTORIES = 250
"""In each part; 8 x 250 histories x 10 deliveries are 20,000."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_delivery_of_a_history_tells_the_models_facts_and_ends_in_its_state(part: int) -> None:
    deliveries, doubts = check(20_000 + part * HISTORIES, HISTORIES)
    assert deliveries == HISTORIES * PERMUTATIONS
    # A doubt is allowed only where more happens in a second than any rule can order.
    assert doubts <= deliveries // 1000


def test_they_are_twenty_thousand() -> None:
    assert PARTS * HISTORIES * PERMUTATIONS >= 20_000
