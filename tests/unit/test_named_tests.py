"""A page that says which test proves it names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / name for name in ("accounts-and-modes.md", "ordering.md", "subjects.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", written))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named - there == set()
    paths = set(re.findall(r"`((?:tests|billing)/\w[\w/]*\.py)`", written))
    assert all((ROOT / path).is_file() for path in paths)
