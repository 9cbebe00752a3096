"""What the pages point at is there: files, sections, and the tests that prove their promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")])
PROVING = [page for page in PAGES if page.name != "CHANGELOG.md"]

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(
    r"`((?:app|agents|tables|billing|tests|benchmarks|docs|k8s|grafana)/[\w./-]+\.(?:py|md|ya?ml|json|sh))"
)
NAMED = re.compile(r"(?:`|::)(test_\w+)`")


def outside_code(page: Path) -> str:
    """The page's text without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The sections of a page as links name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for match in LINK.finditer(outside_code(page)):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, section = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (section and file.suffix == ".md" and section not in anchors(file)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PROVING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = set(FILE.findall(page.read_text(encoding="utf-8")))
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_test_that_a_page_names_is_there() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in (*re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")), path.stem)
    }
    named = {name for page in PROVING for name in NAMED.findall(page.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert named - there == set()
