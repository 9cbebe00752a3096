"""Who may ask: whoever brings the token, or anybody where none is set."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from pydantic import SecretStr

from app.queries.problem import unauthorized


def authorize(headers: Mapping[str, str], token: SecretStr | None) -> None:
    """Raise the problem 401 unless `headers` bring `token`; compared in constant time."""
    if token is None:
        return
    scheme, _, brought = headers.get("Authorization", "").partition(" ")
    # As bytes: compare_digest refuses strings with anything but ASCII in them.
    wanted = token.get_secret_value().encode()
    if not hmac.compare_digest(brought.strip().encode(errors="surrogateescape"), wanted):
        raise unauthorized()
    if scheme.lower() != "bearer":
        raise unauthorized()
