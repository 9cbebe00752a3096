"""openapi.json, which describes the queries in OpenAPI 3.1, as it is served."""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).with_name("openapi.json")
OPENAPI = PATH.read_bytes()
