"""Each import name is ours, and imports point one way: app → agents → tables → billing."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("billing", "tables", "agents", "app")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", LAYERS)
def test_each_import_name_is_ours(package: str) -> None:
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).resolve() == ROOT / package / "__init__.py"


@pytest.mark.parametrize("package", LAYERS)
def test_imports_point_one_way(package: str) -> None:
    above = LAYERS[LAYERS.index(package) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] in above
    ]
    assert wrong == []


def test_billing_knows_no_kafka_no_clock_and_no_network() -> None:
    banned = {
        "faust",
        "aiokafka",
        "confluent_kafka",
        "aiohttp",
        "httpx",
        "nats",
        "redis",
        "time",
        "asyncio",
        "os",
    }
    wrong = [
        f"{path.name} imports {name}"
        for path in sorted((ROOT / "billing").rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] in banned
    ]
    assert wrong == []
