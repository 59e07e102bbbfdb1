"""The broker's contract (`moorage.grants`), spoken by a small HTTPS server: the real one needs a cluster."""

import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.neighbours import NodeCopies, neighbourhood, sight
from broker.passes import reading_pass, serving_pass
from moorage.access import Access
from moorage.caching import CacheMode, CachePolicy
from moorage.grants import neighbours
from moorage.grants.answer import write_answer
from moorage.grants.grant import FillTerms, Grant
from moorage.grants.question import read_question
from moorage.grants.review import PATH as REVIEW_PATH
from moorage.grants.review import Review, read_volumes, write_reviews
from moorage.grants.standing import PATH as STANDING_PATH
from moorage.grants.standing import Standing, read_holdings, write_standings
from moorage.model import DatasetRef, Source
from moorage.reading.fields import Fields
from moorage.refusal import DENIED, Refusal
from moorage.serving.certificates import KeyPair, make_authority, make_leaf
from moorage.serving.context import load_pair
from moorage.sources import MOUNTED_KINDS, Credentials
from moorage.sources.memory import MemorySource
from tests.builders import make_dataset

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG=bPxRfiCYEXAMPLEKEY+"


_STEWARD = Credentials("steward", SECRET_KEY)


@dataclass
class PlayedBroker:
    """Speaks the broker's contract.

    Attributes:
        answers: by dataset `namespace/name`: status and body.
        questions: the bodies that came about grants, with the token under `token`.
        standings: by dataset: what may stay on the node; by default all that was ever granted.
        looks: how often the node asked what may stay.
        revoked: by dataset: the rule by which its mounts must end.
        revoked_pods: the same by pod's uid and dataset.
        reviewed: the volumes that were asked about, as `pod dataset`.
        authority: signs the passes of node plugins.
        copies: what nodes tell of theirs.
        passes: that were given, as `node dataset`.
    """

    url: str
    ca_file: Path
    token_file: Path
    server: ThreadingHTTPServer
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    looks: int = 0
    revoked: dict[str, str] = field(default_factory=dict)
    revoked_pods: dict[tuple[str, str], str] = field(default_factory=dict)
    reviewed: list[str] = field(default_factory=list)
    down: bool = False
    authority: KeyPair | None = None
    copies: Callable[[], Iterable[NodeCopies]] = tuple
    passes: list[str] = field(default_factory=list)

    def token_of(self, node: str) -> Path:
        """The token of a node plugin: in this play, the node's name."""
        path = self.token_file.with_name(f"token-{node}")
        path.write_text(f"{node}\n")
        return path

    def tell_neighbours(self, node: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """As the broker, with nodes that are all of one site."""
        asked = neighbours.read_asked(body)
        assert asked is not None
        ref = asked.dataset
        standing = self.standings[str(ref)]
        if not standing.permitted:
            return write_answer(Refusal(DENIED, standing.rule, standing.message))
        dataset = make_dataset(ref.name, ref.namespace).sized(standing.size_bytes or 0, standing.version or "").obj()
        if self._is_memory(ref):
            source = Source("eu-1", MemorySource(1))
            dataset = replace(dataset, sources=(source,), uid=standing.uid)
        told = neighbourhood(sight(dataset, self.copies()), node)
        return 200, neighbours.write_neighbourhood(told)

    def give_pass(self, node: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """As the broker."""
        assert self.authority is not None
        asked, now = neighbours.read_asked(body), datetime.now(tz=UTC)
        ref = None if asked is None else asked.dataset
        self.passes.append(f"{node} {ref}")
        if ref is None:
            return 200, neighbours.write_pass(serving_pass(self.authority, node, now))
        uid = self.standings[str(ref)].uid if self._is_memory(ref) else ""
        return 200, neighbours.write_pass(reading_pass(self.authority, neighbours.Reading(node, ref, uid), now))

    def _is_memory(self, ref: DatasetRef) -> bool:
        return "memory" in self.answers[str(ref)][1].get("source", {}).get("kind", "")

    def revoke(self, dataset: str) -> None:
        """Take the right away, and have running mounts ended."""
        refusal = Refusal(DENIED, "PurposeNotAllowed", f"{dataset} may not be read for this any more; ask its steward")
        self.answers[dataset] = write_answer(refusal)
        self.revoked[dataset] = refusal.reason

    def revoke_pod(self, uid: str, dataset: str) -> None:
        """Have the mount of one pod ended, whatever others may do."""
        self.revoked_pods[uid, dataset] = "PurposeNotAllowed"

    def review(self, body: bytes) -> dict[str, Any]:
        """Which of the volumes must end."""
        asked = read_volumes(body)
        self.reviewed += [f"{each.pod} {each.dataset}" for each in asked]
        rules = [
            self.revoked_pods.get((each.pod.uid, str(each.dataset))) or self.revoked.get(str(each.dataset), "")
            for each in asked
        ]
        return write_reviews(
            Review(each, rule, rule and str(self.answers[str(each.dataset)][1].get("message", "it may not be read")))
            for each, rule in zip(asked, rules, strict=True)
        )

    def grant(  # noqa: PLR0913 - a grant says that much
        self,
        dataset: str,
        source: dict[str, Any],
        *,
        mode: str = "auto",
        credentials: Credentials = _STEWARD,
        version: str | None = "v1",
        fill: FillTerms | None = None,
        access: Access = Access.READ_ONLY,
        uid: str = "",
    ) -> None:
        """Permit a dataset from now on."""
        self.revoked.pop(dataset, None)
        location = MOUNTED_KINDS[source["kind"]].read(Fields("grant", "source", source))
        self.answers[dataset] = write_answer(
            Grant(
                location=location,
                local=source.get("local") is True,
                credentials=None if location.keys is None else credentials,
                cache=CachePolicy(CacheMode(mode)),
                site="eu-1",
                source_site="eu-1",
                version=version,
                fill=fill,
                access=access,
                uid=uid,
            )
        )
        namespace, name = dataset.split("/")
        self.standings[dataset] = Standing(
            ref=DatasetRef(namespace, name),
            version=version,
            size_bytes=None if fill is None else fill.size_bytes,
            far_seconds=None if fill is None else fill.far_seconds,
            mode=CacheMode(mode),
            uid=uid,
        )


@contextmanager
def play_broker(folder: Path) -> Iterator[PlayedBroker]:
    """A broker that refuses whatever a test does not grant."""
    (folder / "token").write_text("node-token\n")
    now = datetime.now(tz=UTC)
    authority = make_authority("played", now, timedelta(days=1))
    leaf = make_leaf(authority, ("moorage-broker.moorage-system.svc",), now, timedelta(days=1))
    (folder / "broker.crt").write_bytes(authority.certificate.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, leaf.certificate.pem, leaf.key_pem)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == STANDING_PATH:
                played.looks += 1
                told = [played.standings[str(ref)] for ref in read_holdings(body)]
                self._answer(503 if played.down else 200, {"message": "down"} if played.down else write_standings(told))
                return
            if self.path == REVIEW_PATH:
                self._answer(503 if played.down else 200, {"message": "down"} if played.down else played.review(body))
                return
            if self.path in {neighbours.PATH, neighbours.PASSES_PATH} and not played.down:
                node = self.headers["Authorization"].removeprefix("Bearer ")
                answer = played.tell_neighbours if self.path == neighbours.PATH else played.give_pass
                self._answer(*answer(node, body))
                return
            dataset = str(read_question(body).dataset)
            proof = {"token": self.headers["Authorization"], "path": self.path}
            played.questions.append(json.loads(body) | proof)
            refusal = write_answer(
                Refusal(DENIED, "ConsumerNotAllowed", f"{dataset} is not for this pod; ask its steward")
            )
            self._answer(*((503, {"message": "down"}) if played.down else played.answers.get(dataset, refusal)))

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    played = PlayedBroker(f"https://127.0.0.1:{server.server_port}", folder / "broker.crt", folder / "token", server)
    played.authority = authority
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
