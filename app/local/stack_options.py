"""What the local stack consists of, as data."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.local.process import OnLine, Output

BrokerName = Literal["tansu", "kafka"]
SinkName = Literal["openmeter", "nats"]
Occasion = Literal["moved", "preparing", "starting", "ready", "stopping", "stopped"]

HOME = Path(".tollbridge")


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened to a part of the stack; `detail` is an address or a few words."""

    part: str
    occasion: Occasion
    detail: str = ""


def make_secret() -> str:
    """Return a new signing secret in Stripe's form."""
    return f"whsec_{secrets.token_urlsafe(24)}"


@dataclass(frozen=True)
class StackOptions:
    """How to put a stack together.

    `given`: settings of parts that run already. One that holds KAFKA_URL, NATS_URL or OPENMETER_URL makes
    the stack use that and start none; a test gives `broker.environment()` of the broker it shares.
    `settings`: environment variables for the four processes; they win over what the parts want.
    `throwaway`: keep no data, whatever the broker could keep.
    `logs`: a directory in which each part writes a file; without it `on_line` gets every line.
    """

    broker: BrokerName = "tansu"
    without: frozenset[SinkName] = frozenset()
    home: Path = HOME
    jars: Path = HOME / "kafka-jars"
    given: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    usual_ports: bool = False
    secret: str = field(default_factory=make_secret, repr=False)
    logs: Path | None = None
    on_line: OnLine | None = None
    on_note: Callable[[Note], None] = lambda _: None
    sandbox_control: bool = False
    throwaway: bool = False

    def output(self, part: str) -> Output:
        """Return where `part`'s output goes."""
        return Output(log=self.logs / f"{part}.log" if self.logs else None, on_line=self.on_line)
