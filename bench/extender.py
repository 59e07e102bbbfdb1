"""Latency that the extender adds to placing one pod: /filter and /prioritize, against an extender that passes all.

Both are the same server (aiohttp, orjson, loopback, one connection), asked in turn with the same bytes: 100 Datasets,
10 sites, half of whose nodes a residency rule refuses; node names only, as `nodeCacheCapable` has it; /prioritize is
asked about the nodes that passed. Where the time goes is measured in this process, over the same bytes: what is left of
the difference is HTTP with a larger answer, which names a rule for each node that it refuses.
"""

import asyncio
import http.client
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

import orjson
from aiohttp import web

from bench.rows import Row, quantile
from moorage.locality.scoring import prioritize
from moorage.locality.snapshot import Snapshot, request_of
from moorage.locality.verdicts import filter_nodes
from moorage.model import SITE_LABEL, Dataset, DatasetRef, DatasetStatus, Governance, Node, Site, Source
from moorage.serving.health import Health
from moorage.serving.run import Listener, serve
from moorage.sources.s3 import S3Source
from moorage.wire import read_pod
from scheduler_plugin import extender
from scheduler_plugin.app import make_app

T = TypeVar("T")

SITES = 10
DATASETS = 100
ROUNDS = {500: 400, 5000: 150}
AIM_MILLISECONDS = {500: 0.2, 5000: 0.3}
_WARM_UP = 20


class _Fixed:
    """A source that never changes."""

    def __init__(self, nodes: int) -> None:
        self._snapshot = make_snapshot(nodes)

    def missing(self) -> str | None:
        """Report nothing as missing."""
        return None

    def snapshot(self) -> Snapshot:
        """Always the same."""
        return self._snapshot


def make_snapshot(nodes: int) -> Snapshot:
    """Make sites in turn in Germany and in the United States; the copies are at the first."""
    sites = [Site(f"site-{n}", "US" if n % 2 else "DE", node_selector={SITE_LABEL: f"site-{n}"}) for n in range(SITES)]
    governance = Governance(
        residency=frozenset({"EU"}), purposes=frozenset({"research"}), consumers=frozenset({"fraud"})
    )
    datasets = [
        Dataset(
            DatasetRef("steward", f"claims-{number}"),
            (Source("site-0", S3Source("https://s3.example.com", "b")),),
            governance,
            status=DatasetStatus(size_bytes=10**10, version="v1"),
        )
        for number in range(DATASETS)
    ]
    listed = [Node(node_name(number), {SITE_LABEL: f"site-{number % SITES}"}) for number in range(nodes)]
    return Snapshot.of(datasets=datasets, sites=sites, nodes=listed, purposes={"fraud": None})


def node_name(number: int) -> str:
    """Return a node name of the form that clouds use."""
    return f"ip-10-0-{number // 256}-{number % 256}.eu-central-1.compute.internal"


def make_args(numbers: Iterable[int]) -> bytes:
    """Return the scheduler's request about these nodes, for a pod of ordinary size."""
    environment = [{"name": f"VARIABLE_{number}", "value": "x" * 40} for number in range(20)]
    pod = {
        "metadata": {
            "name": "train",
            "namespace": "fraud",
            "labels": {
                "dataset.0.id": "claims-7",
                "dataset.0.namespace": "steward",
                "dataset.0.useas": "mount",
                "moorage.dev/purpose": "research",
            },
        },
        "spec": {"schedulerName": "moorage", "containers": [{"name": "main", "image": "train:1", "env": environment}]},
    }
    return orjson.dumps({"Pod": pod, "Nodes": None, "NodeNames": [node_name(number) for number in numbers]})


def _make_unseeing_app() -> web.Application:
    """Passes every node with the same score, and looks at nothing."""

    async def pass_all(request: web.Request) -> web.Response:
        names = orjson.loads(await request.read())["NodeNames"]
        return web.Response(body=orjson.dumps({"NodeNames": names}), content_type="application/json")

    async def score_all(request: web.Request) -> web.Response:
        names = orjson.loads(await request.read())["NodeNames"]
        return web.Response(body=_scores(names), content_type="application/json")

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/filter", pass_all)
    app.router.add_post("/prioritize", score_all)
    return app


def _scores(names: list[str]) -> bytes:
    return orjson.dumps([{"Host": name, "Score": 10} for name in names])


def _serve(nodes: int | None, tell: Connection) -> None:
    """Serve in a process of its own until it is ended; tells the port."""

    async def run() -> None:
        app = _make_unseeing_app() if nodes is None else make_app(_Fixed(nodes), Health())
        async with serve(app, Listener(port=0, host="127.0.0.1")) as port:
            tell.send(port)
            await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def _server(nodes: int | None) -> Iterator[http.client.HTTPConnection]:
    """Provide a connection to a server that decides over so many nodes, or to one that looks at nothing."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(nodes, theirs), daemon=True)
    process.start()
    connection = http.client.HTTPConnection("127.0.0.1", ours.recv())
    try:
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.join()


def _ask(connection: http.client.HTTPConnection, all_nodes: bytes, passing: bytes) -> float:
    """Return milliseconds of /filter and /prioritize."""
    began = time.perf_counter()
    for path, args in (("/filter", all_nodes), ("/prioritize", passing)):
        connection.request("POST", path, args, {"Content-Type": "application/json"})
        connection.getresponse().read()
    return (time.perf_counter() - began) * 1000


def measure() -> Iterator[Row]:
    """Placing one pod among 500 and among 5,000 nodes."""
    for nodes, rounds in ROUNDS.items():
        args = (make_args(range(nodes)), make_args(range(0, nodes, 2)))
        with ExitStack() as running:
            deciding, unseeing = running.enter_context(_server(nodes)), running.enter_context(_server(None))
            with_rules: list[float] = []
            without: list[float] = []
            for number in range(_WARM_UP + rounds):
                times = (_ask(unseeing, *args), _ask(deciding, *args))
                if number >= _WARM_UP:
                    without.append(times[0])
                    with_rules.append(times[1])
        median, median_without = quantile(with_rules, 0.5), quantile(without, 0.5)
        aim = AIM_MILLISECONDS[nodes]
        yield Row(
            f"extender: filter + prioritize, {nodes:,} nodes, p50",
            f"{median:.2f} ms",
            f"passes all nodes: {median_without:.2f} ms ({median / median_without:.2f}x)",
            f"within {aim} ms of it",
            median - median_without <= aim,
        )
        yield Row(
            f"extender: filter + prioritize, {nodes:,} nodes, p99",
            f"{quantile(with_rules, 0.99):.2f} ms",
            f"passes all nodes: {quantile(without, 0.99):.2f} ms",
        )
        yield _where_it_goes(nodes, rounds, *args)


def _where_it_goes(nodes: int, rounds: int, all_nodes: bytes, passing: bytes) -> Row:
    """Return the medians of each step, without HTTP; of the server that looks at nothing, too."""
    snapshot = make_snapshot(nodes)
    taken: dict[str, list[float]] = {}

    def time_of(step: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = work()
        taken.setdefault(step, []).append((time.perf_counter() - began) * 1000)
        return result

    def take(path: str, body: bytes) -> None:
        args = time_of(f"{path} read", lambda: extender.read_args(body))
        asked = time_of(f"{path} read pod", lambda: request_of(read_pod(args.raw_pod), snapshot))
        if path == "filter":
            found = time_of("filter decide", lambda: filter_nodes(asked, args.node_names, snapshot))
            time_of("filter write", lambda: orjson.dumps(extender.write_filtered(found)))
        else:
            scored = time_of("prioritize decide", lambda: prioritize(asked, args.node_names, snapshot))
            time_of("prioritize write", lambda: extender.write_priorities(scored))

    def take_unseeing(path: str, body: bytes) -> None:
        names = time_of(f"unseeing {path} read", lambda: orjson.loads(body)["NodeNames"])
        if path == "filter":
            time_of("unseeing filter write", lambda: orjson.dumps({"NodeNames": names}))
        else:
            time_of("unseeing prioritize write", lambda: _scores(names))

    for _ in range(_WARM_UP + rounds):
        for path, body in (("filter", all_nodes), ("prioritize", passing)):
            take_unseeing(path, body)
            take(path, body)
    median = {step: quantile(values, 0.5) for step, values in taken.items()}

    def told(*steps: str) -> str:
        return f"{sum(median[step] for step in steps):.2f} ms"

    reading = [f"{path} {part}" for path in ("filter", "prioritize") for part in ("read", "read pod")]
    return Row(
        f"extender: where it goes, {nodes:,} nodes",
        f"reading {told(*reading)}, deciding {told('filter decide', 'prioritize decide')}, "
        f"writing {told('filter write', 'prioritize write')}",
        f"passes all nodes: reading {told('unseeing filter read', 'unseeing prioritize read')}, "
        f"writing {told('unseeing filter write', 'unseeing prioritize write')}",
    )
