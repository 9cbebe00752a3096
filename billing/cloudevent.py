"""A fact as a CloudEvent 1.0 in structured JSON.

`source` names the account and the mode, so that source and id together are unique. There are no extension
attributes: OpenMeter's v3 API refuses them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from billing.facts import Fact
from billing.timestamps import rfc3339

SOURCE = "https://stripe.com/accounts"
CONTENT_TYPE = "application/cloudevents+json"


def to_cloudevent(fact: Fact, *, type_prefix: str = "") -> dict[str, Any]:
    """Return `fact` as a CloudEvent; `type_prefix` goes before its type as it is, such as "com.example."."""
    mode = "live" if fact.livemode else "test"
    return {
        "specversion": "1.0",
        "id": fact.id,
        "source": f"{SOURCE}/{quote(fact.account or 'platform', safe='')}/{mode}",
        "type": type_prefix + fact.type,
        "subject": fact.subject,
        "time": rfc3339(fact.time),
        "datacontenttype": "application/json",
        "data": fact.data,
    }


def encode(fact: Fact, *, type_prefix: str = "") -> bytes:
    """Return the CloudEvent as the bytes of one JSON document."""
    return orjson.dumps(to_cloudevent(fact, type_prefix=type_prefix))
