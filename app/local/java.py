"""Find Java and Maven, which Apache Kafka needs on this machine and nothing else does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

LEAST_JAVA = 17
_INSTALL = (
    "`sudo apt-get install openjdk-17-jre-headless maven` (Debian, Ubuntu), `brew install openjdk@17 maven`"
)
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


class KafkaUnavailable(Exception):  # noqa: N818 - says what is the case
    """Apache Kafka cannot run here; the text says what is missing and how to install it."""


def find_java() -> str:
    """Return the java command, JAVA_HOME's first. Raises KafkaUnavailable when there is none, or too old."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not os.access(java, os.X_OK):
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on PATH"
        raise _unavailable(where)
    answer = subprocess.run([java, "-version"], capture_output=True, check=False)  # noqa: S603 - found above
    version = _VERSION.search(answer.stderr.decode(errors="replace"))
    if version is None or int(version[1]) < LEAST_JAVA:
        raise _unavailable(f"{java} is Java {version[1] if version else 'of an unknown version'}")
    return java


def find_maven() -> str:
    """Return the mvn command. Raises KafkaUnavailable when there is none."""
    maven = shutil.which("mvn")
    if maven is None:
        raise _unavailable("there is no mvn on PATH")
    return maven


def missing() -> str | None:
    """Say in one line what keeps Apache Kafka from running here, or return None when nothing does."""
    try:
        find_java()
        find_maven()
    except KafkaUnavailable as error:
        return str(error)
    return None


def _unavailable(why: str) -> KafkaUnavailable:
    return KafkaUnavailable(
        f"Apache Kafka needs Java {LEAST_JAVA} or later and Maven, but {why}. Install them: {_INSTALL}"
    )
