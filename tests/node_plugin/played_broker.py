"""The broker's contract, spoken by a small HTTPS server: the real one needs a cluster."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG=bPxRfiCYEXAMPLEKEY+"


@dataclass
class PlayedBroker:
    """Speaks the broker's contract.

    Attributes:
        answers: by dataset `namespace/name`: status and body.
        questions: the bodies that came, with the token under `token`.
    """

    url: str
    ca_file: Path
    token_file: Path
    server: ThreadingHTTPServer
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False

    def grant(self, dataset: str, source: dict[str, Any], mode: str = "auto") -> None:
        """Permit a dataset from now on."""
        keys = {"accessKeyId": "steward", "secretAccessKey": SECRET_KEY, "sessionToken": None}
        body = {
            "site": "eu-1",
            "version": "v1",
            "source": source,
            "credentials": keys if source["kind"] == "s3" else None,
            "cache": {"mode": mode, "sizeLimitBytes": None},
        }
        self.answers[dataset] = (200, body)


@contextmanager
def play_broker(folder: Path) -> Iterator[PlayedBroker]:
    """A broker that refuses whatever a test does not grant."""
    (folder / "token").write_text("node-token\n")
    key = make_certificate(folder / "broker.crt", "moorage-broker.moorage-system.svc")
    (folder / "broker.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.crt", folder / "broker.key")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            played.questions.append(question | {"token": self.headers["Authorization"], "path": self.path})
            dataset = f"{question['dataset']['namespace']}/{question['dataset']['name']}"
            refusal = (
                403,
                {"rule": "ConsumerNotAllowed", "message": f"{dataset} is not for this pod; ask its steward"},
            )
            status, body = (503, {"message": "down"}) if played.down else played.answers.get(dataset, refusal)
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    played = PlayedBroker(f"https://127.0.0.1:{server.server_port}", folder / "broker.crt", folder / "token", server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield played
    server.shutdown()
    server.server_close()


def make_certificate(path: Path, name: str) -> bytes:
    """Write a certificate that is its own authority; gives its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
