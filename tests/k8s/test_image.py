"""What the Dockerfile does, as far as that needs no Docker."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import yaml
from aiohttp import web

from app.health.probe import alive
from app.local.ports import free_port
from app.settings import read_settings
from tests.k8s.rendered import ROOT, cannot

TOOLS = Path(sysconfig.get_path("scripts"))
MODULES = (
    "app.processes.ingress",
    "app.processes.lifecycle",
    "app.processes.openmeter",
    "app.processes.nats",
    "app.nats.make_stream",
    "app.nats.make_mirror",
    "app.nats.write_and_read",
    "app.nats.new_key",
    "app.local.openmeter_sandbox",
    "app.health.probe",
)


def test_the_image_has_all_that_its_processes_import(tmp_path: Path) -> None:
    """The lock files of the image, as the Dockerfile installs them, into an environment of its own."""
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [str(TOOLS / "uv"), "venv", "-q", "-p", sys.executable, str(tmp_path / "venv")], check=True
    )
    install = [str(TOOLS / "uv"), "pip", "install", "-q", "--python", str(python), "--require-hashes"]
    wheels = ["--only-binary", ":all:", "--link-mode", "hardlink"]
    for lock, options in (("build", []), ("runtime", ["--no-binary", "nkeys", "--no-build-isolation"])):
        command = [*install, *wheels, *options, "--requirement", str(ROOT / f"requirements-{lock}.lock")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if any(word in done.stderr for word in ("dns error", "Failed to fetch", "client error")):
            cannot(f"the image's packages could not be had: {done.stderr[-500:]}")
        assert done.returncode == 0, done.stderr
    lines = ["import sys", f"sys.path.insert(0, {str(ROOT)!r})", *(f"import {module}" for module in MODULES)]
    lines.append("import faust.streams; assert faust.streams._CStreamIterator is not None")
    subprocess.run([str(python), "-I", "-c", "\n".join(lines)], check=True, cwd=tmp_path)


def test_the_image_is_made_of_what_is_let_through_and_runs_as_nobody() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    copied = {name for names in copies for name in names.split()}
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert copied == let_through
    assert re.search(r"^ARG PYTHON=", dockerfile, re.MULTILINE), "the base can be pinned by its digest"
    user = re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)
    assert user == ["10001"], "a number: Kubernetes cannot see that a name is not root"
    assert "--require-hashes" in dockerfile
    assert "HEALTHCHECK" in dockerfile


def test_the_image_and_the_shell_scripts_are_clean() -> None:
    scripts = sorted(str(path) for path in (ROOT / "k8s/scripts").glob("*.sh"))
    assert scripts
    subprocess.run([str(TOOLS / "shellcheck"), "--severity=style", *scripts], check=True)
    subprocess.run([str(TOOLS / "hadolint"), str(ROOT / "Dockerfile")], check=True)


def test_compose_runs_the_four_processes_with_settings_that_make_sense() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    modules = {one["command"][1] for one in services.values() if one.get("image") == "tollbridge:local"}
    assert modules == {*MODULES[:4], "app.local.openmeter_sandbox"}
    for one in services.values():
        if one.get("image") == "tollbridge:local":
            read_settings(one["environment"])
        for port in one.get("ports", []):
            assert port.startswith("127.0.0.1:"), "nothing made-up listens beyond this machine"


def test_the_health_check_says_no_where_nobody_listens() -> None:
    names = ("INGRESS", "LIFECYCLE", "OPENMETER", "NATS")
    settings = read_settings({f"TOLLBRIDGE_{name}_PORT": str(free_port().number) for name in names})
    assert not alive(settings)


async def test_the_health_check_says_yes_where_a_process_is_alive() -> None:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port().number
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        assert await asyncio.to_thread(alive, read_settings({"TOLLBRIDGE_LIFECYCLE_PORT": str(port)}))
    finally:
        await runner.cleanup()
