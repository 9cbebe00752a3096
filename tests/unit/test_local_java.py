"""What a machine without Java or Maven is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.local import java


def fake_java(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir()
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("version", ["17.0.15", "25"])
def test_a_java_that_is_new_enough_is_taken_from_java_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    program = fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java.find_java() == str(program)


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2"])
def test_an_old_java_is_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(java.KafkaUnavailable, match=r"is Java (8|11)\. Install them: .*apt-get install"):
        java.find_java()


def test_a_machine_without_either_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    why = java.missing()
    assert why is not None
    assert "there is no java on PATH" in why
    assert "\n" not in why


def test_maven_is_missed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, "17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    why = java.missing()
    assert why is not None
    assert "there is no mvn on PATH" in why
