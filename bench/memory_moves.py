"""An object goes from one node's memory to another's: by node plugins' own service, and by Arrow Flight.

Both ways have a process that gives and one that takes, on this machine, over mutual TLS with certificates as the broker
makes them; both write to a tmpfs. Ours proves each MiB by a digest besides. It needs root, as the node plugin does.
"""

import multiprocessing
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from aiohttp import web
from pyarrow import flight

from bench.rows import Row
from broker.passes import reading_pass, serving_pass
from moorage.errors import DevClusterError
from moorage.grants.neighbours import Pass, Reading, server_name
from moorage.grants.standing import Standing
from moorage.memory import MemoryStore
from moorage.model import DatasetRef
from moorage.serving.certificates import make_authority
from moorage.serving.context import load_pair, make_server_context, require_clients
from node_plugin.filler.neighbour import client_context
from node_plugin.memory.holding import MemoryKey
from node_plugin.memory.shelf import MemoryShelf
from node_plugin.neighbours.memory_calling import NeighbourMemory
from node_plugin.neighbours.memory_serving import MemoryServer
from node_plugin.neighbours.sending import Sending
from tests.ports import free_port

SIZE_MIB = 512
ROUNDS = 5
GIVER, TAKER = "node-a", "node-b"
KEY = MemoryKey(DatasetRef("fraud", "features"), "uid")
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Lines:
    """The settings that both processes share.

    Attributes:
        folder: that gives.
        target: where what was taken lies.
        serving: the giver's certificate.
        reading: the taker's.
    """

    folder: Path
    target: Path
    ca_file: Path
    serving: Pass
    reading: Pass
    port: int


def measure(size_mib: int = SIZE_MIB, rounds: int = ROUNDS) -> Iterator[Row]:
    """One table, several times each way, in turn.

    Raises:
        DevClusterError: a giver does not start.
    """
    with tempfile.TemporaryDirectory(prefix="moorage-bench-", dir="/dev/shm") as shared:
        root = Path(shared)
        for name in ("from", "to"):
            (root / name).mkdir()
        dice = np.random.default_rng(1)
        rows = (size_mib << 20) // 32
        MemoryStore(root / "from").put("table", pa.table({f"c{at}": dice.random(rows) for at in range(4)}))
        now = datetime.now(tz=UTC)
        authority = make_authority("bench", now, timedelta(days=1))
        (root / "ca.crt").write_bytes(authority.certificate.pem)
        passes = serving_pass(authority, GIVER, now), reading_pass(authority, Reading(TAKER, KEY.ref, KEY.uid), now)
        taken: dict[str, list[float]] = {"ours": [], "flight": []}
        for _ in range(rounds):
            for name, (give, take) in {"ours": (_give, _take), "flight": (_give_flight, _take_flight)}.items():
                lines = Lines(root / "from", root / "to", root / "ca.crt", *passes, free_port())
                taken[name].append(_once(lines, give, take))
    yield row(size_mib, taken["ours"], taken["flight"])


def row(size_mib: int, ours: Sequence[float], peer: Sequence[float]) -> Row:
    """Make a row of the measurements."""
    mine, its = statistics.median(ours), statistics.median(peer)
    return Row(
        f"memory, node to node: {size_mib} MiB over mutual TLS into a tmpfs",
        f"{mine:.2f} s, {size_mib / mine:.0f} MiB/s, each MiB proved",
        f"Arrow Flight {its:.2f} s ({its / mine:.2f}x)",
    )


def _once(lines: Lines, give: Callable[[Lines], None], take: Callable[[Lines], None]) -> float:
    giver = multiprocessing.get_context("spawn").Process(target=give, args=(lines,), daemon=True)
    giver.start()
    try:
        end = time.monotonic() + _START_SECONDS
        while f":{lines.port:04X} " not in "".join(Path(f"/proc/net/tcp{each}").read_text() for each in ("", "6")):
            if time.monotonic() > end or not giver.is_alive():
                raise DevClusterError("who gives does not start")
            time.sleep(0.05)
        began = time.perf_counter()
        take(lines)
        return time.perf_counter() - began
    finally:
        giver.kill()
        giver.join()
        for left in lines.target.iterdir():
            left.unlink()


class _Memory:
    """One folder, that may be given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, _key: MemoryKey) -> Path:
        return self._folder

    async def ask_standing(self, refs: Sequence[DatasetRef]) -> dict[DatasetRef, Standing]:
        return {ref: Standing(ref=ref, uid=KEY.uid) for ref in refs}


def _give(lines: Lines) -> None:
    memory = _Memory(lines.folder)
    app = web.Application()
    MemoryServer(memory, memory, GIVER, Sending(10**11)).add_to(app)  # type: ignore[arg-type]
    context = make_server_context()
    require_clients(context, lines.ca_file)
    load_pair(context, lines.serving.certificate.encode(), lines.serving.key.encode())
    web.run_app(app, host="127.0.0.1", port=lines.port, ssl_context=context, print=None)


def _take(lines: Lines) -> None:
    context: ssl.SSLContext = client_context(lines.ca_file.read_text(), lines.reading)
    line, shelf = NeighbourMemory(GIVER, f"127.0.0.1:{lines.port}", context, KEY), MemoryShelf(lines.target, TAKER)
    told = line.told()
    assert told is not None
    (each,) = told.objects.values()
    descriptor = shelf.begin(each)
    if line.bring(each, descriptor, 0, lambda: False) != each.size_bytes or not shelf.publish(each, descriptor, None):
        raise DevClusterError("it did not come")
    os.close(descriptor)
    line.close()
    shelf.close()


class _Flights(flight.FlightServerBase):  # type: ignore[misc]  # pyarrow has no types
    """Gives the table where it lies."""

    def __init__(self, folder: Path, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self._table = MemoryStore(folder).get("table")

    def do_get(self, _context: object, _ticket: object) -> flight.RecordBatchStream:
        return flight.RecordBatchStream(self._table)


def _give_flight(lines: Lines) -> None:
    pair = (lines.serving.certificate.encode(), lines.serving.key.encode())
    where = f"grpc+tls://127.0.0.1:{lines.port}"
    authority = lines.ca_file.read_bytes()
    _Flights(lines.folder, where, tls_certificates=[pair], verify_client=True, root_certificates=authority).serve()


def _take_flight(lines: Lines) -> None:
    with (
        flight.FlightClient(
            f"grpc+tls://127.0.0.1:{lines.port}",
            tls_root_certs=lines.ca_file.read_bytes(),
            cert_chain=lines.reading.certificate.encode(),
            private_key=lines.reading.key.encode(),
            override_hostname=server_name(GIVER),
        ) as client,
        (lines.target / "table").open("wb") as file,
    ):
        reader = client.do_get(flight.Ticket(b"table"))
        with pa.ipc.new_file(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch.data)
