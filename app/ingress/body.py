"""A request's body, read to its end and never further than it may go."""

from __future__ import annotations

import asyncio

from aiohttp import web

from app.ingress.admission import Visit
from app.ingress.problem import Problem


async def read_body(request: web.Request, visit: Visit, *, limit: int, within: float) -> bytes:
    """Return the exact bytes of the body, at most `limit`, sent within `within` seconds.

    A body that says its size is refused before it is read, a chunked one as soon as it is too large.
    Raises Problem (413, 408, 400) and `admission.Full`.
    """
    announced = request.content_length
    if announced is not None and announced > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                visit.hold(len(chunk))
                chunks.append(chunk)
    except TimeoutError as error:
        raise Problem(408, "too_slow", f"the body did not come within {within:g} seconds") from error
    except (OSError, web.RequestPayloadError) as error:
        raise Problem(400, "client_gone", "the body broke off or its framing is wrong") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"the body is larger than {limit} bytes")
