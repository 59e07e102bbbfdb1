"""Keys for pods that have no Secret: a pod's own token, which the kubelet brings, is exchanged for them at the store.

The broker decides, as about any grant, and the platform says which roles a token is for, and where; only then is the
token shown to the store. So whoever asks the broker through `WebIdentityBroker` gets a grant with keys, wherever these
come from. Tokens and keys are in memory alone: a node plugin that starts anew has them back when the kubelet publishes
the pod's volumes again, which it does about once a minute.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field, replace
from typing import Final

from moorage.calling.role_sessions import Rejected, assume_role, session_name
from moorage.errors import BrokerError, SourceError
from moorage.grants.grant import Grant
from moorage.grants.question import GrantQuestion
from moorage.model import DatasetRef
from moorage.refusal import DENIED, NOT_POSSIBLE, Refusal
from moorage.sources import Credentials
from moorage.sources.permitted_roles import PermittedRole, permission_problem
from moorage.sources.web_identity import SessionRequest
from node_plugin.broker import Granting
from node_plugin.exchanges import Exchanges

_log = logging.getLogger(__name__)

# Keys are given out during the first half of their life, so that whoever has them can come for others in the second.
_GIVEN_OUT_SHARE: Final = 0.5
# More pods than a node has: of those that were refused nobody says when they went, so the longest unseen are dropped.
_MOST_PODS: Final = 1024
_PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class PodToken:
    """A pod's own token.

    Attributes:
        account: whose, as `namespace/name`.
        token: for the audience of the node plugin.
    """

    account: str
    token: str = field(repr=False)


class PodTokens:
    """The tokens of the pods whose volumes are published, by the pod's uid."""

    def __init__(self, audience: str) -> None:
        self.audience = audience
        self._tokens: dict[str, PodToken] = {}

    def keep(self, pod_uid: str, account: str, by_audience: str) -> None:
        """Remember what the kubelet brought, a JSON mapping; what can't be read is none."""
        token = _token_in(by_audience, self.audience)
        if token:
            self._tokens.pop(pod_uid, None)  # the one seen last is the last of them
            self._tokens[pod_uid] = PodToken(account, token)
            while len(self._tokens) > _MOST_PODS:
                del self._tokens[next(iter(self._tokens))]

    def of(self, pod_uid: str) -> PodToken | None:
        """The token of a pod."""
        return self._tokens.get(pod_uid)

    def forget(self, pod_uid: str) -> None:
        """The pod has no volume any more."""
        self._tokens.pop(pod_uid, None)


def _token_in(by_audience: str, audience: str) -> str:
    try:
        told = json.loads(by_audience) if by_audience and audience else {}
    except ValueError:
        return ""
    found = told.get(audience) if isinstance(told, dict) else None
    token = found.get("token") if isinstance(found, dict) else None
    return token if isinstance(token, str) else ""


@dataclass(frozen=True, slots=True)
class _Session:
    request: SessionRequest
    keys: Credentials
    given_out_until: float


class WebIdentityBroker:
    """The broker, whose grants have keys also where no Secret holds any.

    Args:
        broker: decides.
        tokens: of the pods.
        roles: those that a token may be exchanged for.
    """

    def __init__(self, broker: Granting, tokens: PodTokens, roles: tuple[PermittedRole, ...]) -> None:
        self._broker = broker
        self._tokens = tokens
        self._roles = roles
        self._sessions: dict[tuple[str, DatasetRef], _Session] = {}
        self._exchanges = Exchanges(assume_role)

    async def ask(self, question: GrantQuestion) -> Grant | Refusal:
        """Ask for a grant, with keys.

        Raises:
            BrokerError: there is no decision now, or no keys; asking again may help.
        """
        decision = await self._broker.ask(question)
        if isinstance(decision, Refusal):
            return decision
        request = decision.location.session(writes=decision.writes)
        if request is None:
            return decision
        keys = await self._keys(question, request)
        return keys if isinstance(keys, Refusal) else replace(decision, credentials=keys)

    async def _keys(self, question: GrantQuestion, request: SessionRequest) -> Credentials | Refusal:
        # The broker has granted this very Dataset, so its namespace is no mere word of the pod's volume.
        problem = permission_problem(self._roles, question.dataset.namespace, request)
        if problem is not None:
            message = f"dataset {question.dataset} is read with the pod's own token (webIdentity), and {problem}"
            return Refusal(DENIED, "", message)
        place, now = (question.pod.uid, question.dataset), time.time()
        self._sessions = {each: held for each, held in self._sessions.items() if held.given_out_until > now}
        held = self._sessions.get(place)
        if held is not None and held.request == request:
            return held.keys
        token = self._tokens.of(question.pod.uid)
        if token is None:
            return self._without_token(question)
        found = await self._exchange(question, request, token)
        facts = {"pod": str(question.pod), "dataset": str(question.dataset), "role": request.role_arn}
        if isinstance(found, Rejected):
            _log.info("the store refused a token", extra={**facts, "code": found.code})
            return _refusal(question, request, token.account, found)
        _log.info("the store gave keys for a token", extra=facts)
        until = now + ((found.ends_at or now) - now) * _GIVEN_OUT_SHARE
        self._sessions[place] = _Session(request, found, until)
        return found

    async def _exchange(
        self, question: GrantQuestion, request: SessionRequest, token: PodToken
    ) -> Credentials | Rejected:
        name, namespace = session_name(f"moorage-{question.pod.uid}"), question.dataset.namespace
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._exchanges.run(namespace, request, name, token.token)
        except (SourceError, TimeoutError) as error:
            message = (
                f"dataset {question.dataset} can't be read now: {str(error) or 'its store takes too long to answer'}"
            )
            raise BrokerError(message) from None

    def _without_token(self, question: GrantQuestion) -> Refusal:
        if not self._tokens.audience:
            message = (
                f"dataset {question.dataset} is read with the pod's own token (webIdentity), and this cluster's pods "
                "get none for it: the platform has to set webIdentity.audience in the chart's values"
            )
            return Refusal(NOT_POSSIBLE, "", message)
        message = f"the kubelet has not brought pod {question.pod}'s token yet; it does so about once a minute"
        raise BrokerError(message)


def _refusal(question: GrantQuestion, request: SessionRequest, account: str, found: Rejected) -> Refusal:
    why = found.why.format(account=f"service account {account}", role=request.role_arn)
    message = f"pod {question.pod} may read dataset {question.dataset}, but {why} ({found.code})"
    return Refusal(DENIED, "", message)
