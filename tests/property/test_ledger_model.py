"""Whatever the order of fetching, settling, committing and losing partitions, nothing is committed ahead."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from agents.ledger import HeldMessage, Ledger, TopicPartition
from agents.protocols import Message

PARTITIONS = [TopicPartition("stripe.events", 0), TopicPartition("stripe.events", 1)]


class LedgerMachine(RuleBasedStateMachine):
    """Kafka's side is `committed` and the position that a new owner begins at."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.next = dict.fromkeys(PARTITIONS, 0)
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.done: dict[TopicPartition, set[int]] = {at: set() for at in PARTITIONS}
        self.settled: dict[TopicPartition, set[int]] = {at: set() for at in PARTITIONS}

    @rule(target=held, at=st.sampled_from(PARTITIONS), count=st.integers(1, 5))
    def fetch(self, at: TopicPartition, count: int) -> object:
        taken: list[HeldMessage] = []
        for offset in range(self.next[at], self.next[at] + count):
            self.ledger.fetched(at, offset)
            one = self.ledger.take(Message(at.topic, at.partition, offset, None, b""), 0.0)
            assert one is not None
            taken.append(one)
        self.next[at] += count
        return multiple(*taken)

    @rule(one=consumes(held))
    def settle(self, one: HeldMessage) -> None:
        if not one.abandoned:
            at = TopicPartition(one.message.topic, one.message.partition)
            self.done[at].add(one.message.offset)
            self.settled[at].add(one.message.offset)
        one.settle()

    @rule(answered=st.booleans())
    def commit(self, answered: bool) -> None:  # noqa: FBT001 - a rule's argument
        offsets = self.ledger.committable()
        if answered:
            self.ledger.committed(offsets)
            self.committed.update(offsets)

    @rule()
    def rebalance(self) -> None:
        self.ledger.release()
        self.next = dict(self.committed)
        self.settled = {at: set() for at in PARTITIONS}

    @invariant()
    def nothing_is_committed_ahead(self) -> None:
        for at in PARTITIONS:
            assert set(range(self.committed[at])) <= self.done[at]
            upto = self.ledger.committable().get(at, self.committed[at])
            assert set(range(upto)) <= self.done[at]

    @invariant()
    def all_that_is_settled_in_order_is_committable(self) -> None:
        for at in PARTITIONS:
            upto = self.ledger.committable().get(at, self.committed[at])
            assert upto not in self.settled[at]


LedgerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLedger = LedgerMachine.TestCase
