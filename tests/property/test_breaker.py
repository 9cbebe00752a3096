"""The breaker against a model that knows only its promises."""

from __future__ import annotations

from copy import copy

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from agents.breaker import Breaker, Permit

seconds = st.floats(min_value=0, max_value=100)


class BreakerKeepsItsPromises(RuleBasedStateMachine):
    permits: Bundle[Permit] = Bundle("permits")

    @initialize(failures=st.integers(1, 4), reset_min=st.floats(0.5, 4), longer=st.floats(1, 20))
    def start(self, failures: int, reset_min: float, longer: float) -> None:
        self.now = 1000.0
        self.failures = failures
        self.reset_min = reset_min
        self.reset_max = reset_min * longer
        self.breaker = Breaker(failures, reset_min, self.reset_max)
        self.canaries: set[int] = set()
        self.opened_at: float | None = None
        self.asked_for = 0.0
        self.failed_canaries = 0
        self.in_a_row = 0

    @rule(seconds=seconds)
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=permits)
    def ask(self) -> Permit:
        before = self.breaker.state
        permit = self.breaker.ask(self.now)
        if permit is None:
            assert before != "closed", "a closed breaker refuses nobody"
            return Permit(era=-1, canary=False)
        assert permit.canary == (before != "closed")
        if permit.canary:
            assert not self.canaries, "one canary at a time"
            assert self.opened_at is not None
            assert self.now - self.opened_at >= self.reset_min * 0.999
            assert self.now - self.opened_at >= self.asked_for * 0.999
            expected = min(self.reset_min * 2**self.failed_canaries, self.reset_max)
            assert self.now - self.opened_at >= expected * 0.999
            self.canaries.add(permit.era)
        return permit

    @rule(permit=consumes(permits))
    def succeed(self, permit: Permit) -> None:
        canary = permit.era in self.canaries and permit.canary
        before = self.breaker.state
        self.breaker.succeeded(permit)
        if canary:
            assert self.breaker.state == "closed"
            self.canaries.clear()
            self.failed_canaries = 0
            self.in_a_row = 0
        else:
            assert self.breaker.state == before, "only the canary closes"
            if before == "closed":
                self.in_a_row = 0 if self._current(permit) else self.in_a_row

    @rule(permit=consumes(permits), after=st.none() | seconds)
    def fail(self, permit: Permit, after: float | None) -> None:
        self._went_wrong(permit, tripped=False, after=after)

    @rule(permit=consumes(permits))
    def trip(self, permit: Permit) -> None:
        self._went_wrong(permit, tripped=True, after=None)

    @rule(permit=consumes(permits))
    def give_back(self, permit: Permit) -> None:
        before = self.breaker.state
        self.breaker.returned(permit)
        assert self.breaker.state == before
        if permit.canary:
            self.canaries.discard(permit.era)

    def _current(self, permit: Permit) -> bool:
        fresh = self.breaker.ask(self.now)
        assert fresh is not None
        return fresh.era == permit.era

    def _went_wrong(self, permit: Permit, *, tripped: bool, after: float | None) -> None:
        before = self.breaker.state
        counts = before == "closed" and self._current(permit)
        canary = permit.era in self.canaries and permit.canary
        if tripped:
            self.breaker.trip(permit, self.now)
        else:
            self.breaker.failed(permit, self.now, after)
        if canary:
            assert self.breaker.state == "open", "a failed canary opens"
            self.failed_canaries += 1
            self.canaries.clear()
        elif counts:
            self.in_a_row += 1
            expected = "open" if tripped or self.in_a_row >= self.failures else "closed"
            assert self.breaker.state == expected
            if expected == "open":
                wait = self.breaker.wait(self.now)
                assert wait is not None
                assert wait <= max(self.reset_min, after or 0.0) + 1e-6, "the first pause is the shortest"
            self.failed_canaries = 0
        else:
            assert self.breaker.state == before, "a late answer changes nothing"
            return
        if self.breaker.state == "open":
            self.opened_at = self.now
            self.asked_for = after or 0.0
            self.in_a_row = 0

    @invariant()
    def it_always_probes_again(self) -> None:
        if not hasattr(self, "breaker") or self.breaker.state == "closed" or self.canaries:
            return
        wait = self.breaker.wait(self.now)
        assert wait is not None
        assert wait <= max(self.reset_max, self.asked_for) + 1e-6
        assert copy(self.breaker).ask(self.now + wait + 1e-6) is not None


TestBreaker = BreakerKeepsItsPromises.TestCase
