"""The credential broker's client: one question, may this pod read this dataset here, and with which keys."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from moorage.errors import BrokerError, InputError
from node_plugin.csi import DatasetName, Pod
from node_plugin.grants import Grant, parse_grant

_MOST_ANSWER_BYTES: Final = 1 << 20
_TRY_AGAIN: Final = "the volume is not mounted; the kubelet tries again by itself"


class RefusalKind(Enum):
    """Why there is no volume, for the caller that must choose a status code."""

    DENIED = "denied"
    NOT_FOUND = "not found"
    NOT_POSSIBLE = "not possible"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, with the sentence for the pod's author. Asking again changes nothing until somebody changes something.

    Attributes:
        rule: the policy's code, as `ResidencyViolated`; "" where no rule was asked.
    """

    kind: RefusalKind
    rule: str
    message: str


class Broker(Protocol):
    """Who decides."""

    async def ask(self, pod: Pod, dataset: DatasetName) -> Grant | Refusal:
        """Ask for a grant.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsBroker:
    """The broker behind its URL. Token and authorities are files that others renew, so each question reads them anew.

    Attributes:
        url: without a path.
        server_name: what the certificate must be for, whatever the URL's host.
        timeout_seconds: for the whole question.
    """

    url: str
    server_name: str
    ca_file: Path
    token_file: Path
    timeout_seconds: float = 10.0

    async def ask(self, pod: Pod, dataset: DatasetName) -> Grant | Refusal:
        """Ask for a grant.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """
        question = {
            "pod": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
            "dataset": {"namespace": dataset.namespace, "name": dataset.name},
        }
        status, body = await self._post(question)
        return read_answer(status, body)

    async def _post(self, question: Mapping[str, object]) -> tuple[int, Any]:
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
            context = ssl.create_default_context(cafile=str(self.ca_file))
        except (OSError, UnicodeError) as error:
            message = f"the node plugin's own token or the broker's CA can't be read ({error}); {_TRY_AGAIN}"
            raise BrokerError(message) from error
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.timeout_seconds, connect=3)) as session,
                session.post(
                    f"{self.url}/v1/grants",
                    json=question,
                    headers={"Authorization": f"Bearer {token}"},
                    ssl=context,
                    server_hostname=self.server_name,
                    allow_redirects=False,
                ) as response,
            ):
                body = await _read_json(response)
                return response.status, body
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            detail = str(error) or type(error).__name__
            message = (
                f"the credential broker at {self.url} does not answer ({detail}); {_TRY_AGAIN}. Should it go on, look "
                "at the Deployment moorage-broker"
            )
            raise BrokerError(message) from error


def read_answer(status: int, body: object) -> Grant | Refusal:
    """Understand an answer.

    Raises:
        BrokerError: it is no decision.
    """
    document = body if isinstance(body, dict) else {}
    message = str(document.get("message") or "it gives no reason")
    match status:
        case 200:
            try:
                return parse_grant(document)
            except InputError as error:
                unreadable = f"the credential broker's answer can't be used: {error}"
                raise BrokerError(unreadable) from error
        case 403:
            return Refusal(RefusalKind.DENIED, str(document.get("rule") or ""), message)
        case 404:
            return Refusal(RefusalKind.NOT_FOUND, "", message)
        case 409:
            return Refusal(RefusalKind.NOT_POSSIBLE, "", message)
        case 401:
            problem = f"the credential broker does not accept this node plugin's token: {message}; {_TRY_AGAIN}"
        case _:
            problem = f"the credential broker can't decide now (HTTP {status}): {message}; {_TRY_AGAIN}"
    raise BrokerError(problem)


async def _read_json(response: aiohttp.ClientResponse) -> Any:  # noqa: ANN401 - JSON from outside
    data = b""
    while chunk := await response.content.read(1 << 16):
        data += chunk
        if len(data) > _MOST_ANSWER_BYTES:
            message = "the answer is too long"
            raise ValueError(message)
    try:
        return json.loads(data)
    except ValueError:
        # A proxy's page, most likely; the status says enough.
        return None
