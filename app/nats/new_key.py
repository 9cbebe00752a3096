"""Make an nkey for a NATS user: `python -m app.nats.new_key`. Two lines: the seed, the public key.

The seed is the secret, for a Kubernetes Secret. The public key is for accounts.conf.
"""

from __future__ import annotations

import secrets
import sys

import nkeys


def new_key() -> tuple[str, str]:
    """Return the seed and the public key of a new user."""
    seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    return seed.decode(), nkeys.from_seed(seed).public_key.decode()


if __name__ == "__main__":
    sys.stdout.write("\n".join(new_key()) + "\n")
