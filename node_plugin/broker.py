"""The credential broker's client: may this pod read this dataset here, with which keys; and what may this node hold?"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from moorage.errors import BrokerError
from moorage.grants import neighbours, review, standing
from moorage.grants.answer import MOST_ANSWER_BYTES, TRY_AGAIN, read_answer
from moorage.grants.batches import batches
from moorage.grants.grant import Grant
from moorage.grants.neighbours import Neighbourhood, Pass
from moorage.grants.question import PATH, GrantQuestion, write_question
from moorage.grants.review import Review
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from moorage.reading.documents import decode_strictly
from moorage.refusal import Refusal

_JSON: Final = {"Content-Type": "application/json"}


class Granting(Protocol):
    """Who decides what a pod may read."""

    async def ask(self, question: GrantQuestion) -> Grant | Refusal:
        """Ask for a grant.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """


class Watching(Protocol):
    """Who decides what of that, and of what this node holds, may stay."""

    async def ask_reviews(self, asked: Sequence[GrantQuestion]) -> list[Review]:
        """Ask which of the volumes that this node shows must end; a review for each, in order.

        Raises:
            BrokerError: as above.
        """

    async def ask_standing(self, refs: Sequence[DatasetRef]) -> dict[DatasetRef, Standing]:
        """Ask which of the datasets that this node holds may stay on it.

        Raises:
            BrokerError: as above.
        """


class Introducing(Protocol):
    """Who decides which neighbours this node may know."""

    async def ask_neighbours(self, asked: GrantQuestion) -> Neighbourhood | Refusal:
        """Ask which nodes of this site hold a dataset's current version, or are bringing it, for a pod that reads it.

        Raises:
            BrokerError: as above.
        """

    async def ask_pass(self, asked: GrantQuestion | None) -> Pass | Refusal:
        """Ask for a certificate to read a dataset from neighbours with, for a pod; None: to serve neighbours with.

        Raises:
            BrokerError: as above.
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

    async def ask(self, question: GrantQuestion) -> Grant | Refusal:
        """Ask for a grant.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """
        status, body = await self._post(PATH, write_question(question))
        return read_answer(status, body)

    async def ask_reviews(self, asked: Sequence[GrantQuestion]) -> list[Review]:
        """Ask which volumes must end.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """
        told: list[Review] = []
        for some in batches(asked):
            status, body = await self._post(review.PATH, review.write_volumes(some))
            told += review.read_reviews(status, body, some)
        return told

    async def ask_standing(self, refs: Sequence[DatasetRef]) -> dict[DatasetRef, Standing]:
        """Ask which datasets the node may hold.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """
        told: dict[DatasetRef, Standing] = {}
        for some in batches(refs):
            status, body = await self._post(standing.PATH, standing.write_holdings(some))
            told |= standing.read_standings(status, body, some)
        return told

    async def ask_neighbours(self, asked: GrantQuestion) -> Neighbourhood | Refusal:
        """Ask for the neighbours that have a dataset.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """
        return neighbours.read_neighbourhood(*await self._post(neighbours.PATH, neighbours.write_asked(asked)))

    async def ask_pass(self, asked: GrantQuestion | None) -> Pass | Refusal:
        """Ask for a certificate.

        Raises:
            BrokerError: there is no decision now; asking again may help.
        """
        return neighbours.read_pass(*await self._post(neighbours.PASSES_PATH, neighbours.write_asked(asked)))

    async def _post(self, path: str, question: bytes) -> tuple[int, Any]:
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
            context = ssl.create_default_context(cafile=str(self.ca_file))
        except (OSError, UnicodeError) as error:
            message = f"the node plugin's own token or the broker's CA can't be read ({error}); {TRY_AGAIN}"
            raise BrokerError(message) from error
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.timeout_seconds, connect=3)) as session,
                session.post(
                    f"{self.url}{path}",
                    data=question,
                    headers={"Authorization": f"Bearer {token}", **_JSON},
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
                f"the credential broker at {self.url} does not answer ({detail}); {TRY_AGAIN}. If this goes on, look "
                "at the Deployment moorage-broker"
            )
            raise BrokerError(message) from error


async def _read_json(response: aiohttp.ClientResponse) -> Any:  # noqa: ANN401 - JSON from outside
    data = b""
    while chunk := await response.content.read(1 << 16):
        data += chunk
        if len(data) > MOST_ANSWER_BYTES:
            message = "the answer is too long"
            raise ValueError(message)
    try:
        return decode_strictly(data)
    except (ValueError, RecursionError):
        # A proxy's page, most likely; the status says enough.
        return None
