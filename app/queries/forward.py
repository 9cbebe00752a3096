"""Asks another worker, once, for a short time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from yarl import URL

FORWARDED = "Tollbridge-Forwarded"
"""Marks a request that came from another worker: it is answered from this one's rows, or not at all."""
PARTITIONS = "Tollbridge-Partitions"
"""Names, in a worker's answer, the partitions that it looked at, such as 0,3,5."""
SECONDS = 2.0
"""For one try: as long as a caller may still wait after it for a second one."""
AT_ONCE = 64
"""Requests to other workers under way; more wait for their turn, within the time that they have."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What another worker answered."""

    status: int
    body: bytes
    content_type: str
    looked_at: frozenset[int]


class Forwarder:
    """A client for the other workers."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Give up on a worker after so many `seconds`."""
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def ask(self, worker: URL, path_and_query: str, authorization: str | None) -> Reply | str:
        """Return what `worker` answers, or in words why it does not. `path_and_query` is quoted already."""
        if self._closed:
            return "this worker is ending"
        headers = {FORWARDED: "1"}
        if authorization is not None:
            headers["Authorization"] = authorization
        url = URL(str(worker).rstrip("/") + path_and_query, encoded=True)
        try:
            async with self._client().get(url, headers=headers, allow_redirects=False) as answer:
                return Reply(
                    answer.status,
                    await answer.read(),
                    answer.content_type,
                    _partitions(answer.headers.get(PARTITIONS, "")),
                )
        except TimeoutError:
            return f"the worker at {worker} did not answer in {self._seconds:g} s"
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return f"the worker at {worker} cannot be reached ({type(error).__name__})"

    async def close(self) -> None:
        """Close the connections; whoever asks from now on is told that this worker ends."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:  # it needs the running loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE),
                timeout=aiohttp.ClientTimeout(total=self._seconds),
            )
        return self._session


def _partitions(written: str) -> frozenset[int]:
    return frozenset(int(one) for one in written.split(",") if one.strip().isdigit())
