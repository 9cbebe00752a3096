"""Three real NATS servers on loopback, with the files that the manifests give to the pods.

What differs from the pods: addresses and paths, through the variables that the StatefulSet sets, and the
Secret with the routes, which is written by the script that makes it for the cluster.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from nats.aio.client import Client
from nats.errors import Error as NatsError

from app.local.nats_server import _binary
from app.local.ports import LOOPBACK, free_port
from app.local.process import Output, Process
from app.nats.new_key import new_key

ROOT = Path(__file__).parents[2]
NATS = ROOT / "k8s/base/nats"
USERS = ("OPERATOR", "SINK", "BOOTSTRAP", "READER", "REGION")


def pod_variables() -> dict[str, str]:
    """The variables that the StatefulSet gives to the server, with their values where they are plain."""
    pod = yaml.safe_load((NATS / "statefulset.yaml").read_text())["spec"]["template"]["spec"]
    server = next(one for one in pod["containers"] if one["name"] == "nats")
    return {one["name"]: one.get("value", "") for one in server["env"]}


class Keys:
    """New keys for all users: seeds as the Secrets hold them, and keys.conf."""

    def __init__(self) -> None:
        made = {user: new_key() for user in USERS}
        self.seeds = {user: seed for user, (seed, _) in made.items()}
        self.conf = "".join(f"{user}_KEY: {public}\n" for user, (_, public) in made.items())


async def publish(client: Client, stream: str, number: int, patience: float = 30.0) -> None:
    """Publish `number` as the sink does: under one id, until it is acknowledged."""
    deadline = time.monotonic() + patience
    headers = {"Nats-Msg-Id": str(number)}
    while True:
        try:
            ack = await client.jetstream().publish(
                "billing.test.check", b"%d" % number, timeout=1.0, stream=stream, headers=dict(headers)
            )
        except (NatsError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            assert ack.stream == stream
            return


async def read_stream(client: Client, stream: str) -> list[int]:
    """The messages in `stream`, in order, as a consumer that keeps to the READER's leave gets them."""
    reader = await client.jetstream().pull_subscribe("billing.>", stream=stream)
    found: list[int] = []
    while True:
        try:
            batch = await reader.fetch(500, timeout=1.0)
        except TimeoutError:
            return found
        for message in batch:
            found.append(int(message.data))
            await message.ack()


class Cluster:
    """`files` and `variables` are what an overlay or a component adds to those of the base, or replaces."""

    def __init__(
        self,
        home: Path,
        keys: Keys,
        *,
        name: str = "tollbridge",
        domain: str = "home",
        files: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.home, self.keys, self._name, self._domain = home, keys, name, domain
        self.files, self._variables = dict(files or {}), dict(variables or {})
        self.ports = [{what: free_port().number for what in _PORTS} for _ in range(3)]
        password = secrets.token_hex(32)
        addresses = [f"{LOOPBACK}:{ports['ROUTE']}" for ports in self.ports]
        script = [str(ROOT / "k8s/scripts/nats-routes.sh"), password, *addresses]
        self._routes = subprocess.run(script, check=True, capture_output=True, text=True).stdout
        self.servers = [self._server(number) for number in range(3)]

    @property
    def urls(self) -> list[str]:
        return [f"nats://{LOOPBACK}:{ports['CLIENT']}" for ports in self.ports]

    @property
    def leaf_urls(self) -> list[str]:
        return [f"nats-leaf://{LOOPBACK}:{ports['LEAF']}" for ports in self.ports]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        for server in self.servers:
            server.start()
        await asyncio.gather(*(self.whole(number) for number in range(3)))

    async def kill(self) -> None:
        await asyncio.gather(*(server.kill() for server in self.servers))

    async def whole(self, number: int, within: float = 30.0) -> None:
        """Wait until the startup probe of the pod would succeed, and a meta leader is known."""

        async def answers() -> bool:
            healthy = await self.get(number, "/healthz")
            if healthy.get("status") != "ok":
                return False
            return bool((await self.get(number, "/jsz")).get("meta_cluster", {}).get("leader"))

        await self.servers[number].ready(answers, within)

    async def get(self, number: int, path: str) -> dict[str, Any]:
        """What the monitoring port answers; empty when nobody does, or not with 200."""
        url = f"http://{LOOPBACK}:{self.ports[number]['MONITOR']}{path}"

        def ask() -> dict[str, Any]:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    found: dict[str, Any] = json.load(answer)
                    return found
            except OSError:
                return {}

        return await asyncio.to_thread(ask)

    def reload(self, number: int) -> None:
        """Do what the reloader does: SIGHUP, by the pid file."""
        pid_file = self.home / f"n{number}" / "nats.pid"
        subprocess.run([_binary(), f"-sl=reload={pid_file}"], check=True, capture_output=True)

    def lame_duck(self, number: int) -> None:
        """Do what the preStop hook does."""
        pid_file = self.home / f"n{number}" / "nats.pid"
        subprocess.run([_binary(), f"-sl=ldm={pid_file}"], check=True, capture_output=True)

    async def connect(self, user: str | None, urls: Sequence[str] = (), **options: Any) -> Client:
        """Connect as `user`, with its seed."""
        client = Client()
        if user is not None:
            options["nkeys_seed_str"] = self.keys.seeds[user]
        options = {"error_cb": _ignore, "reconnect_time_wait": 0.1, **options}
        await client.connect(list(urls or self.urls), max_reconnect_attempts=-1, **options)
        return client

    def settings(self, user: str) -> dict[str, str]:
        """The settings with which our processes use the cluster as `user`."""
        return {
            "NATS_URL": ",".join(self.urls),
            "NATS_NKEY_SEED": self.keys.seeds[user],
            "TOLLBRIDGE_NATS_REPLICAS": "3",
        }

    def _server(self, number: int) -> Process:
        home = self.home / f"n{number}"
        ports = self.ports[number]
        configuration = home / "etc/nats"
        (home / "etc/nats-routes").mkdir(parents=True)
        shutil.copytree(NATS, configuration, ignore=shutil.ignore_patterns("*.yaml", "jobs"))
        (configuration / "keys.conf").write_text(self.keys.conf)
        for name, text in self.files.items():
            (configuration / name).write_text(text)
        (home / "etc/nats-routes/routes.conf").write_text(self._routes)
        variables = {
            "POD_NAME": f"{self._name}-{number}",
            "SERVER_NAME": f"{self._name}-{number}",
            "NATSD_LISTEN": f"{LOOPBACK}:{ports['CLIENT']}",
            "NATSD_HTTP_LISTEN": f"{LOOPBACK}:{ports['MONITOR']}",
            "NATSD_ROUTE_LISTEN": f"{LOOPBACK}:{ports['ROUTE']}",
            "NATSD_LEAF_LISTEN": f"{LOOPBACK}:{ports['LEAF']}",
            "NATSD_PID_FILE": str(home / "nats.pid"),
            "NATSD_STORE_DIR": str(home / "data"),
            "NATSD_CLUSTER": self._name,
            "NATSD_DOMAIN": self._domain,
            "NATSD_MAX_FILE_STORE": pod_variables()["NATSD_MAX_FILE_STORE"],
            "GOMEMLIMIT": pod_variables()["GOMEMLIMIT"],
        }
        assert variables.keys() == pod_variables().keys()
        return Process(
            f"nats-{number}",
            [_binary(), "--config", str(configuration / "nats.conf")],
            environment={**variables, **self._variables},
            output=Output(log=home / "log"),
        )


_PORTS = ("CLIENT", "MONITOR", "ROUTE", "LEAF")


async def _ignore(_: Exception) -> None:
    """Let tests look at what became of a request, not at what the client says of itself."""
