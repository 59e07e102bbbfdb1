"""Requests per second of Kubeflow's API with 10,000 runs, against a handler that returns the same bytes.

Both are the same server (aiohttp, loopback, eight connections), asked in turn. The runs are of 20 experiments, with two
tasks each. Ours asks whose token it is and what they may do, remembered as in earnest; the API server behind it is
played, and asked once. A request's cost is the server's own CPU time, which other work on the machine changes little.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import orjson
from aiohttp import web

from bench.processes import cpu_seconds
from bench.rows import Row
from kfp_api.app import make_app
from kfp_api.catalogue import Catalogue
from kfp_api.compilers import Compilers
from kfp_api.identity import Callers
from kfp_api.objects import read_config_map, read_run
from kfp_api.parts import Parts
from kfp_api.records import Experiment
from kfp_api.specs import Specs
from moorage.kube import Client
from moorage.serving.health import Health
from moorage.serving.limits import Limits
from moorage.serving.rate_limit import RateLimit
from moorage.serving.run import Listener, serve

RUNS = 10_000
EXPERIMENTS = 20
CONNECTIONS = 8
ROUNDS = 3
REQUESTS = 1500
AIM_PER_SECOND = 1000
_FILTER = {"predicates": [{"operation": "EQUALS", "key": "storage_state", "stringValue": "AVAILABLE"}]}
PATHS = {
    "get": "/apis/v2beta1/runs/run-4711",
    "list of 20, newest first": "/apis/v2beta1/runs?page_size=20&sort_by=created_at%20desc",
    "list of 20 of an experiment, filtered": (
        f"/apis/v2beta1/runs?page_size=20&experiment_id=experiment-7&filter={quote(orjson.dumps(_FILTER).decode())}"
    ),
}


class _Still(Catalogue):
    """A catalogue that follows nothing: what is in it was put there."""

    def problem(self, blind_seconds: float) -> str | None:  # noqa: ARG002 - as its base
        """Report no problem, ever."""
        return None


def make_parts() -> Parts:
    """10,000 runs, and a played API server that knows everybody."""

    def told(request: httpx.Request) -> httpx.Response:
        if "tokenreviews" in request.url.path:
            return httpx.Response(200, json={"status": {"authenticated": True, "user": {"username": "scientist"}}})
        return httpx.Response(200, json={"status": {"allowed": True}})

    client = Client(httpx.AsyncClient(base_url="http://played", transport=httpx.MockTransport(told)))
    catalogue = _Still(client, ("lab",))
    for number in range(EXPERIMENTS):
        metadata = _metadata(f"experiment-{number}") | {"labels": {"moorage.dev/kfp": "experiment"}}
        record = read_config_map({"metadata": metadata, "data": {"displayName": f"experiment {number}"}})
        if isinstance(record, Experiment):
            catalogue.experiments.put(record)
    for number in range(RUNS):
        catalogue.runs.put(read_run(make_run(number)))
    unlimited = RateLimit(1e9, 1e9, time.monotonic)
    return Parts(
        client=client,
        callers=Callers(client, "", 3600.0),
        catalogue=catalogue,
        compilers=Compilers(1),
        specs=Specs(client),
        namespaces=("lab",),
        blind_seconds=30.0,
        package_bytes=4 << 20,
        reads=unlimited,
        writes=unlimited,
    )


def make_run(number: int) -> dict[str, Any]:
    """Make a StretchedPipeline that has ended."""
    metadata = _metadata(f"run-{number}", number)
    labels = {
        "moorage.dev/kfp": "run",
        "moorage.dev/kfp-experiment": f"experiment-{number % EXPERIMENTS}",
        "moorage.dev/kfp-pipeline": "pipeline",
        "moorage.dev/kfp-version": "version",
    }
    group = {"id": "eu-1-1", "phase": "Succeeded", "startTime": "2026-11-29T12:00:00Z"}
    return {
        "metadata": metadata | {"labels": labels, "annotations": {"moorage.dev/display-name": f"train {number}"}},
        "spec": {"pipeline": {"configMapRef": {"name": "version"}}, "parameters": {"epochs": number}},
        "status": {
            "phase": "Succeeded",
            "groups": [group | {"completionTime": "2026-11-29T13:00:00Z"}],
            "tasks": [{"name": name, "phase": "Succeeded", "site": "eu-1"} for name in ("train", "evaluate")],
        },
    }


def _metadata(name: str, number: int = 0) -> dict[str, Any]:
    minute, second = divmod(number, 60)
    made = f"2026-11-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:{second:02}Z"
    return {"name": name, "namespace": "lab", "uid": name, "resourceVersion": "1", "creationTimestamp": made}


def _fixed_app(bodies: dict[str, bytes]) -> web.Application:
    """Gives back the same bytes for the same path, and looks at nothing else."""

    async def same(request: web.Request) -> web.Response:
        return web.Response(body=bodies[request.raw_path], content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", same)
    return app


def _serve(bodies: dict[str, bytes] | None, tell: Connection) -> None:
    """Serve in a process of its own until it is ended; tells the port."""

    async def run() -> None:
        app = make_app(make_parts(), Health()) if bodies is None else _fixed_app(bodies)
        limits = Limits(connections=64, connections_per_peer=64)
        async with serve(app, Listener(port=0, host="127.0.0.1", limits=limits)) as port:
            tell.send(port)
            await asyncio.Event().wait()

    asyncio.run(run())


@dataclass(frozen=True)
class _Server:
    port: int
    pid: int

    def ask(self, path: str, requests: int) -> tuple[float, float, bytes]:
        """Return seconds that these requests took, CPU seconds of the server, and the last answer's body."""
        before, began = cpu_seconds(self.pid), time.perf_counter()
        body = asyncio.run(self._ask_all(path, requests))
        return time.perf_counter() - began, cpu_seconds(self.pid) - before, body

    async def _ask_all(self, path: str, requests: int) -> bytes:
        each = requests // CONNECTIONS
        return (await asyncio.gather(*(self._ask_in_turn(path, each) for _ in range(CONNECTIONS))))[0]

    async def _ask_in_turn(self, path: str, requests: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer token\r\n\r\n".encode()
        body = b""
        for _ in range(requests):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if not head.startswith("http/1.1 200"):
                raise OSError(f"{path}: {head.splitlines()[0]}")
            body = await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
        writer.close()
        await writer.wait_closed()
        return body


@contextmanager
def _server(bodies: dict[str, bytes] | None) -> Iterator[_Server]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(bodies, theirs), daemon=True)
    process.start()
    try:
        yield _Server(ours.recv(), process.pid or 0)
    finally:
        process.terminate()
        process.join()


def measure() -> Iterator[Row]:
    """Gets and lists, each in turn with the bare handler."""
    with _server(None) as ours:
        bodies = {path: ours.ask(path, CONNECTIONS)[2] for path in PATHS.values()}
        with _server(bodies) as bare:
            for what, path in PATHS.items():
                spent = {server: [0.0, 0.0] for server in (ours, bare)}
                for _ in range(ROUNDS):
                    for server, sums in spent.items():
                        seconds, cpu_seconds, _ = server.ask(path, REQUESTS)
                        sums[0] += seconds
                        sums[1] += cpu_seconds
                yield _row(what, spent[ours], spent[bare])


def _row(what: str, ours: list[float], bare: list[float]) -> Row:
    asked = ROUNDS * (REQUESTS // CONNECTIONS) * CONNECTIONS
    rate, bare_rate = asked / ours[0], asked / bare[0]
    cost, bare_cost = (1000 * each[1] / asked for each in (ours, bare))
    return Row(
        f"Kubeflow's API: {what}, {RUNS:,} runs",
        f"{rate:,.0f} /s; {cost:.2f} ms of CPU each",
        f"the same bytes from a bare handler: {bare_rate:,.0f} /s; {bare_cost:.2f} ms ({cost / bare_cost:.1f}x)",
        f"{AIM_PER_SECOND:,} in a second of CPU",
        cost <= 1000 / AIM_PER_SECOND,
    )
