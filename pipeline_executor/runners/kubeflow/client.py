"""Kubeflow Pipelines' v2beta1 API, as far as a spoke needs it. Nothing is retried here."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from moorage.errors import InputError, KubeflowError
from pipeline_executor.runners.kubeflow.answers import BackendRun, problem_of, read_run

_RUNS: Final = "/apis/v2beta1/runs"
_LOGS: Final = "/apis/v1alpha1/runs"
_SECONDS: Final = aiohttp.ClientTimeout(total=60, connect=5)
_MOST_ANSWER_BYTES: Final = 32 << 20
"""A run of 7 tasks is answered with 67 kB."""
_BAD_REQUEST, _NOT_FOUND, _OK = 400, 404, 200


class KubeflowClient:
    """One Kubeflow Pipelines; `async with` closes its connections.

    Args:
        endpoint: `http://host:port` or `https://host`, perhaps with a path.
        token_file: a projected token for the audience `pipelines.kubeflow.org`, read anew for each request, because the
            kubelet renews it; None: none is sent.
        certificates: PEM of authorities to trust besides the system's; None: none.
    """

    def __init__(self, endpoint: str, token_file: Path | None = None, certificates: Path | None = None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token_file = token_file
        context = ssl.create_default_context()
        if certificates is not None:
            context.load_verify_locations(certificates)
        self._tls = context
        self._open: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=16)
        self._open = aiohttp.ClientSession(connector=connector, timeout=_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            await self._open.close()

    async def get(self, run_id: str) -> BackendRun | None:
        """Return a run; None where there is none of this id.

        Raises:
            KubeflowError: no answer that says so.
        """
        status, answer = await self._request("GET", f"{_RUNS}/{run_id}")
        if status == _NOT_FOUND:
            return None
        return read_run(self._good(status, answer, f"read run {run_id}"))

    async def create(self, request: Mapping[str, Any]) -> BackendRun:
        """Start a run. Never to be repeated: the same id twice is two Workflows. Whoever gets no answer looks for it.

        Raises:
            InputError: it was refused, and would be again, as where an input is missing.
            KubeflowError: it is not known whether it was started.
        """
        run_id = str(request["run_id"])
        status, answer = await self._request("POST", _RUNS, request)
        if status == _BAD_REQUEST:
            raise InputError(
                f"run {run_id}", "Kubeflow Pipelines", problem_of(answer) or "refused it, and says no more"
            )
        return read_run(self._good(status, answer, f"start run {run_id}"))

    async def terminate(self, run_id: str) -> None:
        """End a run; that it has ended already, or that there is none, does not matter.

        Raises:
            KubeflowError: no answer that says so.
        """
        status, answer = await self._request("POST", f"{_RUNS}/{run_id}:terminate")
        if status not in {_BAD_REQUEST, _NOT_FOUND}:  # of a run that has ended Kubeflow says 400
            self._good(status, answer, f"terminate run {run_id}")

    async def archived_log(self, run_id: str, pod: str, most_bytes: int) -> bytes | None:
        """Return the archived log of a task whose pod is gone, or None where Kubeflow keeps none.

        Raises:
            KubeflowError: no answer.
        """
        path = f"{_LOGS}/{run_id}/nodes/{pod}/log"
        try:
            async with self._session.get(f"{self._endpoint}{path}", headers=await self._headers()) as answer:
                if answer.status != _OK:
                    return None
                return await _bounded(answer, most_bytes)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._silent(error) from None

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        headers = await self._headers()
        try:
            async with self._session.request(method, f"{self._endpoint}{path}", json=body, headers=headers) as answer:
                content = await _bounded(answer, _MOST_ANSWER_BYTES + 1)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._silent(error) from None
        if len(content) > _MOST_ANSWER_BYTES:
            problem = f"Kubeflow Pipelines at {self._endpoint} answers with more than {_MOST_ANSWER_BYTES:,} bytes"
            raise KubeflowError(problem)
        try:
            return status, json.loads(content or b"{}")
        except ValueError:
            return status, {"message": content[:300].decode(errors="replace")}

    def _good(self, status: int, answer: Any, action: str) -> Mapping[str, Any]:  # noqa: ANN401 - JSON of a stranger
        if status != _OK or not isinstance(answer, Mapping):
            said = problem_of(answer)
            remedy = _REMEDIES.get(status, "see the log of ml-pipeline")
            problem = f"Kubeflow Pipelines at {self._endpoint}: can't {action}: it answers {status}"
            raise KubeflowError(f"{problem}{f' ({said})' if said else ''}: {remedy}", status=status)
        return answer

    def _silent(self, error: BaseException) -> KubeflowError:
        problem = f"Kubeflow Pipelines at {self._endpoint} does not answer ({type(error).__name__})"
        return KubeflowError(f"{problem}: check that it runs and that executor.spoke.kubeflow.endpoint names it")

    async def _headers(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        try:
            token = await asyncio.to_thread(self._token_file.read_text)
        except OSError as error:
            problem = f"the token for Kubeflow Pipelines can't be read from {self._token_file} ({type(error).__name__})"
            raise KubeflowError(f"{problem}: mount one for the audience pipelines.kubeflow.org") from None
        return {"Authorization": f"Bearer {token.strip()}"}

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            message = "the client was not entered"
            raise RuntimeError(message)
        return self._open


_REMEDIES: Final = {
    401: "it does not know the spoke's token: let it accept the audience pipelines.kubeflow.org",
    403: "the spoke's account may not do that: bind it to a role that may create, read and terminate runs",
    404: "correct executor.spoke.kubeflow.endpoint",
}


async def _bounded(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_chunked(1 << 16):
        content += piece
        if len(content) >= most_bytes:
            break
    return bytes(content[:most_bytes])
