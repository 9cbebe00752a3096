"""Apache Kafka's jars, fetched once by Maven through kafka_pom.xml."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from app.local.java import KafkaUnavailable, find_maven

POM = Path(__file__).with_name("kafka_pom.xml")
_LAST_LINES = 15


def classpath(cache: Path) -> str:
    """Return Java's class path with Kafka on it, remembered in the directory `cache`.

    Raises KafkaUnavailable with Maven's last lines when it could not fetch the jars.
    """
    # Named by what was asked for: another Kafka version in the pom is another file.
    known = cache / f"classpath-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if known.exists() and _complete(found := known.read_text()):
        return found
    cache.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=cache, prefix="classpath-")
    os.close(descriptor)
    fresh = Path(name)
    try:
        _resolve(fresh)
        found = fresh.read_text()
        # Atomic: another run beside this one sees the whole file or none.
        fresh.replace(known)
    finally:
        fresh.unlink(missing_ok=True)
    return found


def _complete(found: str) -> bool:
    return all(Path(jar).exists() for jar in found.split(os.pathsep))


def _resolve(target: Path) -> None:
    command = [
        find_maven(),
        "--quiet",
        "--batch-mode",
        "--file",
        str(POM),
        "dependency:build-classpath",
        f"-Dmdep.outputFile={target.resolve()}",
    ]
    maven = subprocess.run(  # noqa: S603 - the command is ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if maven.returncode != 0:
        last = "\n".join(maven.stdout.decode(errors="replace").splitlines()[-_LAST_LINES:])
        raise KafkaUnavailable(
            f"Maven could not fetch Apache Kafka's jars (is its repository reachable?):\n{last}"
        )
