"""Answers of Stripe's API, asked for seldom enough and kept for a moment."""

from __future__ import annotations

from collections import OrderedDict

from agents.clock import Clock
from agents.protocols import StripeAnswer, StripeReader
from agents.token_bucket import TokenBucket

KEPT_SECONDS = 10.0
"""An answer is good for this long: enough for the many events of one change, too short to be old news."""
KEPT_ANSWERS = 1000


class StripeAnswers:
    """A reader behind a token bucket, with a small cache before it."""

    def __init__(self, reader: StripeReader, bucket: TokenBucket, clock: Clock) -> None:
        self._reader = reader
        self._bucket = bucket
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str | None], tuple[float, StripeAnswer]] = OrderedDict()

    async def get(self, path: str, context: str | None, *, after: int = -1) -> StripeAnswer:
        """Return what stands at `path`, younger than the second `after` by Stripe's clock.

        Raises what `StripeReader.get` raises.
        """
        key = (path, context)
        found = self._kept.get(key)
        if found is not None and self._clock.monotonic() < found[0] and found[1].at > after:
            return found[1]
        while True:
            await self._bucket.take()
            answer = await self._reader.get(path, context)
            if answer.at > after:
                break
            await self._clock.sleep(1.0)  # within that very second the answer may still be overtaken
        self._kept[key] = (self._clock.monotonic() + KEPT_SECONDS, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_ANSWERS:
            self._kept.popitem(last=False)
        return answer
