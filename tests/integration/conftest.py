"""The fixtures that start a whole Tollbridge."""

from __future__ import annotations

from tests.open_road import broker, open_road

__all__ = ["broker", "open_road"]
