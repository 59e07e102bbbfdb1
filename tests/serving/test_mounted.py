"""Certificates that cert-manager mounts are loaded when they change, and never half of them."""

import asyncio
import contextlib
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moorage.serving.certificates import KeyPair, make_authority, make_leaf
from moorage.serving.context import load_pair, make_server_context
from moorage.serving.mounted import MountedCertificate
from tests.polling import until

NOW = datetime.now(tz=UTC)
DAY = timedelta(days=1)
AUTHORITY = make_authority("test", NOW, 10 * DAY)
FIRST, SECOND = (make_leaf(AUTHORITY, ("localhost",), NOW, DAY) for _ in range(2))


class Volume:
    """A Secret volume as the kubelet keeps it: names link into a folder that is exchanged whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._version = 0
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")

    def put(self, pair: KeyPair, key_pem: bytes | None = None) -> None:
        """Exchange the content."""
        self._version += 1
        content = self.folder / f"..{self._version}"
        content.mkdir()
        (content / "tls.crt").write_bytes(pair.certificate.pem + AUTHORITY.certificate.pem)
        (content / "tls.key").write_bytes(pair.key_pem if key_pem is None else key_pem)
        link = self.folder / "..data_tmp"
        link.symlink_to(content.name)
        link.replace(self.folder / "..data")


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """An empty one."""
    return Volume(tmp_path)


async def served(context: ssl.SSLContext) -> str | None:
    """The fingerprint of what a client meets; None where there is no handshake."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cadata=AUTHORITY.certificate.pem.decode())
    try:
        _, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
    except (ssl.SSLError, ConnectionError):
        return None
    finally:
        server.close()
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return hashlib.sha256(der).hexdigest()


async def test_a_renewed_pair_is_served(volume: Volume) -> None:
    """In the background, without a restart."""
    volume.put(FIRST)
    async with MountedCertificate(volume.folder, pause_seconds=0.02) as mounted:
        assert mounted.problem() is None
        assert await served(mounted.context) == FIRST.certificate.fingerprint
        volume.put(SECOND)

        async def is_second() -> bool:
            return await served(mounted.context) == SECOND.certificate.fingerprint

        await until(is_second)


async def test_a_missing_pair_is_waited_for(volume: Volume) -> None:
    """Unready, with the file's name, and no handshake succeeds."""
    mounted = MountedCertificate(volume.folder)
    assert not mounted.reload()
    assert "tls.crt" in (mounted.problem() or "")
    assert await served(mounted.context) is None
    volume.put(FIRST)
    assert mounted.reload()
    assert mounted.problem() is None


UNUSABLE = {"empty": b"", "another's": FIRST.key_pem, "cut off": SECOND.key_pem[:100]}


@pytest.mark.parametrize("key", UNUSABLE)
async def test_what_can_not_be_used_is_not_loaded(key: str, volume: Volume) -> None:
    """The last good pair goes on."""
    volume.put(FIRST)
    mounted = MountedCertificate(volume.folder)
    assert mounted.reload()
    volume.put(SECOND, UNUSABLE[key])
    assert not mounted.reload()
    assert mounted.problem() is None
    assert await served(mounted.context) == FIRST.certificate.fingerprint


def test_nothing_is_loaded_twice(volume: Volume) -> None:
    """Only a change is."""
    volume.put(FIRST)
    mounted = MountedCertificate(volume.folder)
    assert mounted.reload()
    assert not mounted.reload()


def test_an_expired_pair_is_a_problem(volume: Volume) -> None:
    """Nobody renewed it."""
    volume.put(FIRST)
    mounted = MountedCertificate(volume.folder, now=lambda: NOW + 2 * DAY)
    mounted.reload()
    assert mounted.problem() == "the certificate has expired"


def test_loading_leaves_no_descriptor_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys pass through anonymous memory, renewal after renewal."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    context = make_server_context()
    load_pair(context, FIRST.certificate.pem, FIRST.key_pem)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for pair in (SECOND, FIRST, SECOND):
        load_pair(context, pair.certificate.pem, pair.key_pem)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not list(tmp_path.iterdir())


def test_a_pair_that_does_not_belong_together_is_refused() -> None:
    """By the TLS library itself."""
    with pytest.raises(ssl.SSLError):
        load_pair(make_server_context(), FIRST.certificate.pem, SECOND.key_pem)
