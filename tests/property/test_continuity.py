"""Whatever Faust drops or hands on too early, a partition is handed on without a gap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.ledger import TopicPartition
from app.kafka.continuity import Continuity, Verdict

AT = TopicPartition("stripe.events", 0)


@given(
    holes=st.sets(st.integers(0, 39), max_size=12),
    fetches=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=30),
)
def test_what_is_taken_is_the_log_from_its_beginning(holes: set[int], fetches: list[tuple[int, int]]) -> None:
    log = [offset for offset in range(40) if offset not in holes]
    continuity = Continuity()
    continuity.begin({AT: 0})
    taken: list[int] = []
    sought: int | None = None
    for number, (start, count) in enumerate(fetches):
        # A fetch begins anywhere (stale, or behind something dropped), but after a seek where it was sought.
        begin = start if sought is None else sought
        sought = None
        for offset in [one for one in log if one >= begin][:count]:
            verdict = continuity.judge(AT, offset, number)
            if verdict is Verdict.TAKE:
                taken.append(offset)
            elif verdict is Verdict.ASK:
                sought = continuity.next(AT)
    assert taken == log[: len(taken)]


def test_the_rest_of_the_fetch_that_showed_a_gap_proves_nothing() -> None:
    continuity = Continuity()
    continuity.begin({AT: 33})
    verdicts = [continuity.judge(AT, offset, fetch=1) for offset in (61, 62, 63)]
    assert verdicts == [Verdict.ASK, Verdict.DROP, Verdict.DROP]
    assert continuity.judge(AT, 33, fetch=2) is Verdict.TAKE


def test_a_gap_that_is_kafkas_own_is_passed_over() -> None:
    continuity = Continuity()
    continuity.begin({AT: 10})
    assert continuity.judge(AT, 50, fetch=1) is Verdict.ASK
    assert continuity.judge(AT, 50, fetch=2) is Verdict.TAKE
    assert continuity.judge(AT, 51, fetch=2) is Verdict.TAKE


def test_a_seek_to_the_committed_offset_repeats_and_does_not_rewind() -> None:
    continuity = Continuity()
    continuity.begin({AT: 0})
    assert [continuity.judge(AT, offset, 1) for offset in (0, 1)] == [Verdict.TAKE, Verdict.TAKE]
    continuity.begin({AT: 0})
    assert [continuity.judge(AT, offset, 2) for offset in (0, 1, 2)] == [
        Verdict.DROP,
        Verdict.DROP,
        Verdict.TAKE,
    ]


def test_a_new_assignment_begins_anew() -> None:
    continuity = Continuity()
    continuity.begin({AT: 5})
    continuity.judge(AT, 5, 1)
    continuity.clear()
    assert continuity.next(AT) is None
    continuity.begin({AT: 3})
    assert continuity.judge(AT, 3, 2) is Verdict.TAKE
