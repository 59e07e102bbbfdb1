"""A web server that lists its folders, serves ranges and tells ETags: aiohttp's files with an index, in a process.

python -m tests.web_server FOLDER PORT [CERTIFICATE]
"""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from tests.ports import accepts, free_port
from tests.world import eventually

ROOT = Path(__file__).parents[1]


@contextmanager
def serve_folder(folder: Path, certificate: Path | None = None) -> Iterator[str]:
    """Serve it; the URL of its listing, with the slash at its end.

    Args:
        folder: with the files.
        certificate: PEM with its key; None: without TLS.
    """
    port = free_port()
    command = [sys.executable, "-m", "tests.web_server", str(folder), str(port)]
    with subprocess.Popen([*command, *([str(certificate)] if certificate else [])], cwd=ROOT) as server:
        try:
            eventually(lambda: accepts(port))
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}/data/"
        finally:
            server.kill()


async def _answer(root: Path, request: web.Request) -> web.StreamResponse:
    path = request.match_info["path"]
    found = root / path
    if found.is_file() and not path.endswith("/"):
        return web.FileResponse(found)
    if not found.is_dir() or (path and not path.endswith("/")):
        raise web.HTTPNotFound
    names = [quote(each.name) + ("/" if each.is_dir() else "") for each in sorted(found.iterdir())]
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in ["../", *names])
    return web.Response(text=f"<h1>Index</h1>\n{links}", content_type="text/html")


def main(folder: str, port: str, certificate: str | None = None) -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_get("/data/{path:.*}", partial(_answer, Path(folder)))
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    web.run_app(app, host="127.0.0.1", port=int(port), ssl_context=tls, print=lambda _: None, access_log=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
