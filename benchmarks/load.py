"""A bounded load generator in a process of its own: `python -m benchmarks.load URL FILE`.

Signs every line of FILE as Stripe does, posts them over keep-alive connections, and writes what came of it
as one line of JSON. Without --rate each connection posts as soon as it has its answer; with --rate requests
start at fixed times, whether or not the earlier ones have been answered. Nothing here uses Tollbridge.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import hmac
import json
import os
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ANSWER_SECONDS = 20.0


@dataclass(slots=True)
class Outcome:
    """What came of the requests. Times are in seconds; `begun` is the wall clock, by line of the file."""

    statuses: Counter[int] = field(default_factory=Counter)
    finished: list[tuple[float, float]] = field(default_factory=list)
    """When each was answered (monotonic), and how long that took."""
    begun: dict[int, float] = field(default_factory=dict)


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with one request under way at most."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for work."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        self._transport = transport
        self._load.idle(self)

    def post(self, request: bytes) -> None:
        """Send `request`."""
        assert self._transport is not None  # noqa: S101 - only an idle connection is given work
        self._received = b""
        self._since = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer as far as it has come."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _content_length(head):
            self._load.answered(self, int(head[9:12]), self._since)

    def connection_lost(self, _error: Exception | None) -> None:
        """Report what the server should not have done, unless we are finished."""
        self._load.lost()


class Load:
    """Hands requests to idle connections and gathers the answers."""

    def __init__(self, requests: list[bytes], seconds: float, rate: float | None) -> None:
        self._requests = requests
        self._rate = rate
        self._waiting: deque[int] = deque(range(len(requests)) if rate is None else ())
        self._idle: deque[Connection] = deque()
        self._seconds = seconds
        self._until = 0.0
        self._under_way = 0
        self.outcome = Outcome()
        self.done = asyncio.Event()

    async def run(self, host: str, port: int, connections: int) -> None:
        """Post until the requests or the seconds are used up and every request is answered."""
        loop = asyncio.get_running_loop()
        self._until = time.monotonic() + self._seconds
        for _ in range(connections):
            await loop.create_connection(lambda: Connection(self), host, port)
        if self._rate is not None:
            await self._pace(self._rate)
        async with asyncio.timeout(self._seconds + ANSWER_SECONDS):
            await self.done.wait()

    async def _pace(self, rate: float) -> None:
        start = time.monotonic()
        for number in range(len(self._requests)):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            # From when it was due: a server that falls behind does not make its own latency better.
            self.outcome.begun[number] = time.time()
            self._waiting.append(number)
            self._hand_out()
        self._rate = None
        self._end()

    def idle(self, connection: Connection) -> None:
        """Give `connection` something to do."""
        self._idle.append(connection)
        self._hand_out()

    def answered(self, connection: Connection, status: int, since: float) -> None:
        """Note an answer."""
        now = time.monotonic()
        self._under_way -= 1
        self.outcome.statuses[status] += 1
        self.outcome.finished.append((now, now - since))
        self.idle(connection)
        self._end()

    def lost(self) -> None:
        """Note that a connection ended: 0 stands for no answer."""
        if not self.done.is_set():
            self.outcome.statuses[0] += 1
            self.done.set()

    def _hand_out(self) -> None:
        while self._idle and self._waiting and (self._rate or time.monotonic() < self._until):
            self._under_way += 1
            self._idle.popleft().post(self._requests[self._waiting.popleft()])

    def _end(self) -> None:
        over = not self._waiting or time.monotonic() >= self._until
        if self._rate is None and over and self._under_way == 0:
            self.done.set()


def signed(url: str, body: bytes, secret: str, at: int) -> bytes:
    """Return a whole HTTP request with `body`, signed at `at` (docs.stripe.com/webhooks/signatures)."""
    signature = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    where = urlsplit(url)
    head = (
        f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n"
        f"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        f"Stripe-Signature: t={at},v1={signature}\r\n\r\n"
    )
    return head.encode() + body


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def main() -> None:
    """Run once and write the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float)
    options = parser.parse_args()
    secret, at = os.environ["LOAD_SECRET"], int(time.time())
    requests = [signed(options.url, body, secret, at) for body in options.file.read_bytes().splitlines()]
    gc.disable()  # the requests alone would be gone through again and again
    load = Load(requests, options.seconds, options.rate)
    where = urlsplit(options.url)
    asyncio.run(load.run(where.hostname or "127.0.0.1", where.port or 80, options.connections))
    print(
        json.dumps(
            {
                "statuses": load.outcome.statuses,
                "finished": load.outcome.finished,
                "begun": load.outcome.begun,
            }
        )
    )


if __name__ == "__main__":
    main()
