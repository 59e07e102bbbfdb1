"""A real S3 server that trusts a cluster's tokens: SeaweedFS, with that cluster's issuer as an OIDC provider."""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from moorage.serving.certificates import make_authority, make_leaf
from moorage.sources.s3 import S3Source
from moorage.sources.web_identity import WebIdentity
from tests.node_plugin.object_stores import BUCKET, ObjectStore, run_object_store
from tests.node_plugin.played_node import AUDIENCE


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Issuer:
    """Signs tokens as an API server does."""

    url: str = "https://kubernetes.default.svc"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def jwks(self) -> dict[str, Any]:
        """What it tells of its key."""
        public = self.key.public_key().public_numbers()
        numbers = {"n": _encoded(public.n.to_bytes(256)), "e": _encoded(public.e.to_bytes(3))}
        return {"keys": [{"use": "sig", "kty": "RSA", "kid": "first", "alg": "RS256", **numbers}]}

    def token(self, account: str, audience: str = AUDIENCE, *, seconds: int = 3600) -> str:
        """A token of an account, `namespace/name`."""
        now, (namespace, name) = int(time.time()), account.split("/")
        claims = {
            "iss": self.url, "aud": [audience], "sub": f"system:serviceaccount:{namespace}:{name}",
            "iat": now - 60, "nbf": now - 60, "exp": now + seconds,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name}},
        }  # fmt: skip
        parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "first"}, claims)]
        signed = ".".join(parts)
        return f"{signed}.{_encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@dataclass(frozen=True)
class TrustingStore:
    """A running S3 server over TLS, whose role `reader` is for some accounts."""

    store: ObjectStore
    authority: str
    role: str

    def source(self, prefix: str, **identity: Any) -> S3Source:  # noqa: ANN401 - fields of WebIdentity
        """A folder that is read by the role."""
        role = WebIdentity(**{"role_arn": self.role, "session_seconds": 900, **identity})
        return S3Source(self.store.endpoint, BUCKET, prefix, ca_bundle=self.authority, web_identity=role)

    def put(self, *keys: str) -> None:
        """Upload objects; each holds its own key."""
        for key in keys:
            self.store.client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())


@contextmanager
def serve_keys(jwks: Mapping[str, Any]) -> Iterator[str]:
    """The URL of an issuer's keys, which a store asks for."""
    body = json.dumps(jwks).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/openid/v1/jwks"
    server.shutdown()
    server.server_close()


@contextmanager
def run_trusting_store(
    folder: Path, issuer: str, jwks: Mapping[str, Any], accounts: list[str], host: str = "127.0.0.1"
) -> Iterator[TrustingStore]:
    """Run it; the role may read and write everything, and these accounts (`namespace/name`) may take it on."""
    now = datetime.now(tz=UTC)
    authority = make_authority("stores", now, timedelta(days=1))
    leaf = make_leaf(authority, (host,), now, timedelta(days=1))
    (folder / "ca.crt").write_bytes(authority.certificate.pem)
    (folder / "tls.crt").write_bytes(leaf.certificate.pem)
    (folder / "tls.key").write_bytes(leaf.key_pem)
    subjects = [f"system:serviceaccount:{account.replace('/', ':')}" for account in accounts]
    trust = {
        "Effect": "Allow", "Principal": {"Federated": "cluster"}, "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Condition": {"StringEquals": {"oidc:sub": subjects}},
    }  # fmt: skip
    everything = {"Effect": "Allow", "Action": ["s3:*", "sts:ValidateSession"], "Resource": ["*"]}
    with serve_keys(jwks) as url:
        provider = {"issuer": issuer, "clientId": AUDIENCE, "jwksUri": url}
        settings = {
            "sts": {
                "tokenDuration": "1h", "maxSessionLength": "12h", "issuer": "stores",
                "signingKey": base64.b64encode(secrets.token_bytes(32)).decode(),
            },
            "providers": [{"name": "cluster", "type": "oidc", "enabled": True, "config": provider}],
            "policy": {"defaultEffect": "Deny", "storeType": "memory"},
            "policies": [{"name": "all", "document": {"Version": "2012-10-17", "Statement": [everything]}}],
            "roles": [
                {
                    "roleName": "reader", "roleArn": "arn:aws:iam::role/reader", "attachedPolicies": ["all"],
                    "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
                }
            ],
        }  # fmt: skip
        (folder / "iam.json").write_text(json.dumps(settings))
        options = [f"-s3.iam.config={folder / 'iam.json'}", f"-s3.cert.file={folder / 'tls.crt'}"]
        options += [f"-s3.key.file={folder / 'tls.key'}"]
        with run_object_store(folder, *options, host=host, authority=folder / "ca.crt") as store:
            yield TrustingStore(store, authority.certificate.pem.decode(), "arn:aws:iam::role/reader")
