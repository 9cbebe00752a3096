"""Histories of several accounts, customers and subscriptions, delivered in any order, by the thousand.

`python -m tests.permuted_histories` is `make soak`: it prints its seed and its progress, and ends with 1 and
the history's own seed when what is told, or how it ends, is not what the model of Stripe says.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random, SystemRandom

from billing.cloudevent import encode
from billing.decide import Known, Outcome, Policy, decide, lookups
from billing.order import undecided
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import StripeEvent, parse_event
from billing.subject_rule import parse_subject_rule
from billing.subscription import Subscription, read_subscription
from tests.stripe_model import ACTIONS, BEGINNINGS, RENDERINGS, History, Life
from tests.stripe_shapes import NOON, body

PERMUTATIONS = 10
"""Ways in which one history is delivered."""
MOST_ACTIONS = 8
CHUNK = 200
PROGRESS_SECONDS = 10
RULES = [parse_subject_rule(rule) for rule in ("customer", "metadata:tenant", "{metadata.tenant}/{customer}")]
CHECKOUT_RULE = parse_subject_rule("client_reference_id")


def random_history(random: Random) -> tuple[History, bool]:
    """One to four subscriptions of one or two accounts; and whether each began in a checkout.

    An account and mode has one endpoint, and an endpoint one API version.
    """
    whole = History()
    actions = tuple(ACTIONS.values())
    scopes = [
        (account, random.random() < 0.7, random.choice(tuple(RENDERINGS)))
        for account in random.sample((None, "acct_1", "acct_2"), random.randint(1, 2))
    ]
    checkouts = random.random() < 0.3
    beginnings = [one for one in BEGINNINGS if one.startswith("checkout")] if checkouts else BEGINNINGS
    for name in "abcd"[: random.choice((1, 1, 2, 2, 3, 4))]:
        account, livemode, version = random.choice(scopes)
        customer = random.choice(("cus_1", "cus_2"))
        life = Life(name, customer=customer, account=account, livemode=livemode, api_version=version)
        life.subscribe(random.choice(beginnings))
        crowd = 0
        for _ in range(random.randint(0, MOST_ACTIONS)):
            seconds = random.choice((0, 0, 1, 3600))
            crowd = 0 if seconds else crowd + 1
            life.now += seconds or (1 if crowd > MOST_ACTIONS // 2 else 0)
            random.choice(actions)(life)
        whole.add(life.history)
    return whole, checkouts


@dataclass
class Fold:
    """A lifecycle worker of one partition, in memory; what is put off comes again with `come_back`."""

    policy: Policy
    through_bytes: bool
    seen: dict[str, Seen] = field(default_factory=dict)
    rows: dict[str, SubscriptionState] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    waiting: list[StripeEvent] = field(default_factory=list)

    def work(self, event: StripeEvent, offset: int, *, since: int | None = None) -> None:
        """What comes back has waited for as long as a checkout does."""
        at = NOON if since is None else since + self.policy.checkout_patience
        keys = lookups(event)
        known = Known(self.seen, self.rows.get(keys.subscription or ""))
        where = Position("stripe.events", 0, offset)
        decision = decide(event, where, at, known, self.policy, waiting_since=since)
        assert decision.outcome is not Outcome.REJECTED, decision.reason
        self.seen.update(decision.remember)
        state = decision.subscription
        if state is not None:
            assert keys.subscription is not None
            self.rows[keys.subscription] = (
                SubscriptionState.decode(state.encode()) if self.through_bytes else state
            )
        for fact in decision.facts:
            assert not self.through_bytes or encode(fact)
            self.told.append(fact.key)
        if decision.wait:
            self.waiting.append(event)

    def come_back(self, offsets: Iterator[int]) -> None:
        """What waits comes again, at offsets behind the history's own."""
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            self.work(event, next(offsets), since=NOON)


@dataclass(frozen=True)
class Case:
    """A history, read once."""

    events: Sequence[StripeEvent]
    facts: Sequence[str]
    truth: dict[str, Subscription | None]
    checkouts: bool


def case(seed: int) -> Case:
    history, checkouts = random_history(Random(seed))  # noqa: S311 - to be repeatable
    return Case(
        [parse_event(body(built)) for built in history.events],
        sorted(history.facts),
        {key: read_subscription(found) for key, found in history.truth.items()},
        checkouts,
    )


def deliver(one: Case, random: Random) -> int:
    """Deliver a history in some order, some of it twice, some of it replayed, and check what comes of it.

    Returns how many subscriptions end in a doubt that only Stripe can resolve; those are not compared.
    """
    rules = [*RULES, CHECKOUT_RULE] if one.checkouts else RULES
    fold = Fold(Policy(subject=random.choice(rules)), through_bytes=random.random() < 0.2)
    log = list(one.events) + random.choices(one.events, k=random.randint(0, 4))
    random.shuffle(log)
    offsets = itertools.count(len(log))
    hasty = random.random() < 0.3  # some deliveries take longer than a checkout waits
    for offset, event in enumerate(log):
        fold.work(event, offset)
        if hasty:
            fold.come_back(offsets)
    while fold.waiting:
        fold.come_back(offsets)
    assert sorted(fold.told) == one.facts
    doubts = 0
    for key, truth in one.truth.items():
        row = fold.rows[key]
        if undecided(row.frontier) is None:
            assert row.current == truth, key
        else:
            doubts += 1
    if random.random() < 0.3:  # a crash: from some offset on once more, over the state that is there
        rows, start = dict(fold.rows), random.randrange(len(log))
        for offset in range(start, len(log)):
            fold.work(log[offset], offset)
        assert sorted(set(fold.told)) == one.facts
        assert fold.rows == rows
    return doubts


def check(seed: int, histories: int) -> tuple[int, int]:
    """Check `histories` from `seed` on; return deliveries and doubts. Raises AssertionError with the seed."""
    doubts = 0
    for own in range(seed, seed + histories):
        one = case(own)
        random = Random(own ^ 0x5EED)  # noqa: S311 - to be repeatable
        for number in range(PERMUTATIONS):
            try:
                doubts += deliver(one, random)
            except Exception as error:
                raise AssertionError(f"history {own}, delivery {number}: {error}") from error
    return histories * PERMUTATIONS, doubts


def _chunk(seed: int) -> tuple[int, int, str]:
    try:
        return *check(seed, CHUNK), ""
    except AssertionError as error:
        return 0, 0, str(error)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the soak."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=1_000_000, help="deliveries")
    arguments.add_argument("--seed", type=int, default=None, help="the first history's seed")
    arguments.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = arguments.parse_args()
    seed = SystemRandom().randrange(1 << 40) if given.seed is None else given.seed
    chunks = -(-given.count // (CHUNK * PERMUTATIONS))
    say(f"seed {seed}: {chunks * CHUNK * PERMUTATIONS} deliveries on {given.processes} cores")
    began, done, doubts, told = time.monotonic(), 0, 0, time.monotonic()
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for delivered, doubtful, failure in pool.imap_unordered(
            _chunk, range(seed, seed + chunks * CHUNK, CHUNK)
        ):
            if failure:
                say(
                    f"FAILED: {failure}\nagain: python -m tests.permuted_histories --seed <history> --count 1"
                )
                return 1
            done, doubts = done + delivered, doubts + doubtful
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                say(f"  {done} after {told - began:.0f} s, {doubts} doubts left to Stripe")
    say(f"{done} deliveries in {time.monotonic() - began:.0f} s, {doubts} doubts left to Stripe")
    return 0


if __name__ == "__main__":
    sys.exit(main())
