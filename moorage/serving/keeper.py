"""Keeps a server's certificates: in a Secret, in the published bundle, and in the live TLS context.

Every replica runs one. All do the same, again and again: read the Secret, look at what is published, `rotation.decide`,
write the Secret if that changed anything (only if nobody wrote since; the loser reads again and finds the work done),
publish the bundle where it differs, load the leaf into the live context. Connections that are open go on.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self

from moorage.errors import ConflictError, InputError, KubeError, MoorageError, NotFoundError
from moorage.kube import SECRETS, Client, RawObject
from moorage.serving import metrics
from moorage.serving.certificates import make_authority, make_leaf, read_certificates
from moorage.serving.context import load_pair, make_server_context
from moorage.serving.publishers import Publisher
from moorage.serving.rotation import Mint, Plan, State, decide
from moorage.serving.storage import from_data, to_data

_log = logging.getLogger(__name__)

_ATTEMPTS = 5  # of writing the Secret in one pass; each failure means that another replica succeeded


def _now() -> datetime:
    return datetime.now(tz=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """The Secret of a server: get, update and, where the chart does not make it (empty), create are needed."""

    namespace: str
    name: str


class Keeper:
    """The certificates of one server.

    `async with Keeper(...) as keeper:` has made one pass, or failed to (then it is tried again in the background), when
    the block is entered. Serve with `keeper.context`, and give `keeper.problem` to `Health.add_ready`.

    Args:
        client: the API server.
        place: the Secret.
        publisher: where clients find the bundle.
        plan: names and lives.
        pause_seconds: between two passes, in the mean.
        now: the clock.

    Attributes:
        context: the live TLS context.
    """

    def __init__(  # noqa: PLR0913 - each is a keyword
        self,
        client: Client,
        place: Place,
        publisher: Publisher,
        plan: Plan,
        *,
        pause_seconds: float = 60.0,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._client = client
        self._place = place
        self._publisher = publisher
        self._plan = plan
        self._pause_seconds = pause_seconds
        self._now = now
        self._mint = Mint(partial(make_authority, f"moorage {place.name}"), make_leaf)
        self._state = State()
        self._published: frozenset[str] = frozenset()  # as last seen
        self._task: asyncio.Task[None] | None = None
        self.context = make_server_context()

    @property
    def state(self) -> State:
        """The state that the last pass found or made."""
        return self._state

    def problem(self) -> str | None:
        """Explain why clients can't trust the server now; None where they can."""
        leaf = self._state.leaf
        if leaf is None:
            return "there is no certificate yet"
        if not leaf.certificate.valid_at(self._now()):
            return "the certificate has expired"
        issuer = leaf.certificate.issuer_key_id
        signers = {
            known.certificate.fingerprint for known in self._state.authorities if known.certificate.key_id == issuer
        }
        if not signers & self._published:
            return "the CA is not published yet"
        return None

    async def __aenter__(self) -> Self:
        ready = await self._try_pass()
        self._task = asyncio.create_task(self._run(ready=ready), name=f"certificates {self._place.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, *, ready: bool) -> None:
        pause = 1.0
        while True:
            longest = self._pause_seconds
            pause = longest if ready and self.problem() is None else min(pause * 2, longest)
            await asyncio.sleep(random.uniform(pause / 2, pause * 1.5))  # noqa: S311 - not for secrets
            ready = await self._try_pass()
            if ready and self.problem() is None:
                pause = 1.0

    async def _try_pass(self) -> bool:
        try:
            await self.renew()
        except MoorageError as error:
            _log.warning("certificates of %s: %s", self._place.name, error)
            return False
        return True

    async def renew(self) -> None:
        """Make one pass.

        Raises:
            KubeError: it could not be finished; the next one takes it up.
        """
        unseen: KubeError | None = None
        bundles: list[bytes] = []
        try:
            bundles = await self._publisher.read()
            self._published = _common(bundles)
        except KubeError as error:  # no reason to let the leaf expire
            unseen = error
        state = await self._settle_secret(None if unseen else self._published)
        if state.leaf is not None and state.leaf != self._state.leaf:
            load_pair(self.context, state.leaf.certificate.pem, state.leaf.key_pem)
            metrics.CERTIFICATE_EXPIRY.set(state.leaf.certificate.not_after.timestamp())
            until = state.leaf.certificate.not_after.isoformat()
            _log.info("certificate loaded", extra={"place": self._place.name, "not_after": until})
        self._state = state
        if unseen is not None:
            raise unseen
        if any(bundle != state.bundle for bundle in bundles):
            await self._publisher.write(state.bundle)
            self._published = _common(await self._publisher.read())

    async def _settle_secret(self, published: frozenset[str] | None) -> State:
        """Bring the Secret to the state that is due, against other replicas that do the same."""
        for attempt in range(_ATTEMPTS):
            secret = await self._read()
            before = self._parse(secret)
            after = decide(before, self._now(), published, self._plan, self._mint)
            if after == before:
                return before
            try:
                await self._write(secret, after)
            except ConflictError:
                await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - not for secrets
                continue
            return after
        message = f"Secret {self._place.namespace}/{self._place.name}: others keep writing it"
        raise ConflictError(message, status=409, reason="Conflict")

    async def _read(self) -> RawObject | None:
        try:
            return await self._client.get(SECRETS, self._place.name, self._place.namespace)
        except NotFoundError:
            return None

    def _parse(self, secret: RawObject | None) -> State:
        try:
            return from_data((secret or {}).get("data") or {})
        except InputError as error:
            # Whoever damaged it has broken the trust already; making it anew is the remedy that the error names.
            _log.error("Secret %s/%s: %s", self._place.namespace, self._place.name, error)
            return State()

    async def _write(self, secret: RawObject | None, state: State) -> None:
        if secret is None:
            metadata = {"namespace": self._place.namespace, "name": self._place.name}
            body = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": metadata,
                "type": "Opaque",
                "data": to_data(state),
            }
            await self._client.create(SECRETS, body)
        else:
            await self._client.replace(SECRETS, {**secret, "data": to_data(state)})


def _common(bundles: list[bytes]) -> frozenset[str]:
    """Return the fingerprints of the CAs that every bundle contains."""
    found: list[frozenset[str]] = []
    for bundle in bundles:
        try:
            found.append(frozenset(certificate.fingerprint for certificate in read_certificates(bundle)))
        except InputError:  # empty, or somebody else's; it will be overwritten
            found.append(frozenset())
    return frozenset.intersection(*found) if found else frozenset()
