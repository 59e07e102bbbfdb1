"""Servers that answer as an Iceberg REST catalogue does, or as a test wants one to."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

Answer: TypeAlias = Callable[[socket.socket], object]
"""Says something on a connection whose request was read."""


def http(body: bytes, status: int = 200, *headers: str, length: int | None = None) -> Answer:
    """An answer; `length` is what it says of itself."""
    told = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]

    def answer(connection: socket.socket) -> None:
        connection.sendall("\r\n".join(told).encode() + body)

    return answer


def table_json() -> dict[str, Any]:
    """A table at s3://lake/tables/a with one column and one snapshot."""
    place = "s3://lake/tables/a"
    return {
        "metadata-location": f"{place}/m/1.json",
        "metadata": {
            "location": place,
            "table-uuid": "u",
            "current-schema-id": 0,
            "default-spec-id": 0,
            "current-snapshot-id": 5,
            "properties": {},
            "schemas": [{"schema-id": 0, "fields": [{"id": 1, "name": "id", "required": True, "type": "long"}]}],
            "partition-specs": [{"spec-id": 0, "fields": []}],
            "snapshots": [{"snapshot-id": 5, "schema-id": 0, "manifest-list": f"{place}/m/5.avro"}],
        },
    }


def table(
    *,
    location: object = None,
    file: str = "",
    manifests: str = "",
    fields: Sequence[Any] = (),
    spec: Sequence[Any] = (),
) -> bytes:
    """The same, but for what is given."""
    told = table_json()
    metadata = told["metadata"]
    metadata["location"] = metadata["location"] if location is None else location
    told["metadata-location"] = file or told["metadata-location"]
    if manifests:
        metadata["snapshots"][0]["manifest-list"] = manifests
    if fields:
        metadata["schemas"][0]["fields"] = fields
    if spec:
        metadata["partition-specs"][0]["fields"] = spec
    return json.dumps(told).encode()


@contextmanager
def catalogue(load: Answer, *, settings: Answer | None = None, asked: list[str] | None = None) -> Iterator[str]:
    """A server: its URL.

    Args:
        load: what it says of a table.
        settings: of itself; None: nothing, as it should be.
        asked: takes the heads of its requests.
    """
    fine = http(b'{"defaults":{},"overrides":{}}')

    def speak(connection: socket.socket) -> None:
        head = connection.recv(65536).decode()
        if asked is not None:
            asked.append(head)
        (settings or fine if "/v1/config" in head.partition("\r\n")[0] else load)(connection)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    speak(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
