"""The cost of watching many clusters in one process: our client and the official one, two watches on each cluster.

Each is a process of its own, one after the other, against the same API server: its PipelineGroups need not be
installed, so ConfigMaps and Leases are followed. Resident memory against that of our client on import.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.plane import plane
from bench.rows import Row

CLUSTERS = (0, 1, 20)

_MEASURED = """
def told():
    import threading
    lines = open("/proc/self/status").read().splitlines()
    print(next(line for line in lines if line.startswith("VmRSS")).split()[1], threading.active_count())
"""
_OURS = """
import asyncio, sys
from pathlib import Path
from moorage.kube import CONFIG_MAPS, LEASES, Client, Reflector

async def main(kubeconfig, count):
    followed = []
    for client in [Client.from_environment(Path(kubeconfig)) for _ in range(count)]:
        for resource in (CONFIG_MAPS, LEASES):
            reflector = Reflector(client, resource, project=lambda raw: raw["metadata"]["name"])
            await reflector.__aenter__()
            followed.append(reflector)
    for reflector in followed:
        await reflector.wait_synced(60)
    await asyncio.sleep(3)
    told()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
_OFFICIAL = """
import sys, threading, time
from kubernetes import client, config, watch

def follow(lists):
    for _ in watch.Watch().stream(lists, timeout_seconds=60):
        pass

for made in [config.new_client_from_config(sys.argv[1]) for _ in range(int(sys.argv[2]))]:
    for lists in (
        client.CoreV1Api(made).list_config_map_for_all_namespaces,
        client.CoordinationV1Api(made).list_lease_for_all_namespaces,
    ):
        threading.Thread(target=follow, args=(lists,), daemon=True).start()
time.sleep(8)
told()
"""


def measure() -> Iterator[Row]:
    """Measure, and yield the rows of the table."""
    with plane() as cluster:
        least = _taken(_OURS, cluster.kubeconfig_path, 0)[0]
        for count in CLUSTERS:
            ours, official = (_taken(text, cluster.kubeconfig_path, count) for text in (_OURS, _OFFICIAL))
            yield Row(
                f"memory of a process that follows {count} clusters, our client",
                f"{ours[0] / least:.2f}, {ours[1]} thread(s)",
                f"the official client: {official[0] / least:.2f}, {official[1]} thread(s); 1 is ours on import",
            )


def _taken(text: str, kubeconfig: Path, count: int) -> tuple[int, int]:
    """Resident KiB, threads."""
    command = [sys.executable, "-c", _MEASURED + text, str(kubeconfig), str(count)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    memory, threads = done.stdout.split()
    return int(memory), int(threads)
