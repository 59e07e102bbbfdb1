"""Keeps what runs took as PipelineHistory objects, one for each pipeline of a namespace."""

from moorage.errors import ConflictError, InputError, NotFoundError
from moorage.kube import PIPELINE_HISTORIES, Client, RawObject
from moorage.kube.client import Selection
from moorage.model import API_VERSION
from moorage.runs.measurements import MOST_HISTORIES, History, Measured, history_name
from moorage.wire import read_history, write_history_spec

_TRIES = 5


async def teach(client: Client, measured: Measured) -> None:
    """Keep what a run took; once, however often it is asked.

    Raises:
        KubeError: the API server did not answer, or others wrote all the time.
    """
    namespace, name = measured.run.namespace, history_name(measured.pipeline)
    for tries in range(_TRIES):
        try:
            raw = await client.get(PIPELINE_HISTORIES, name, namespace)
        except NotFoundError:
            raw = None
        known = _known(raw, measured.pipeline)
        history = known.with_run(measured)
        if history is known:
            return
        body: RawObject = {
            "apiVersion": API_VERSION,
            "kind": PIPELINE_HISTORIES.kind,
            "metadata": {"namespace": namespace, "name": name},
            "spec": write_history_spec(history),
        }
        try:
            if raw is None:
                await _make_room(client, namespace)
                await client.create(PIPELINE_HISTORIES, body)
            else:
                body["metadata"]["resourceVersion"] = raw["metadata"]["resourceVersion"]
                await client.replace(PIPELINE_HISTORIES, body)
        except (ConflictError, NotFoundError):
            if tries == _TRIES - 1:
                raise
        else:
            return


def _known(raw: RawObject | None, pipeline: str) -> History:
    """What a person spoilt, or what is another pipeline's, is begun anew."""
    if raw is not None:
        try:
            known = read_history(raw)
        except InputError:
            return History(pipeline)
        if known.pipeline == pipeline:
            return known
    return History(pipeline)


async def _make_room(client: Client, namespace: str) -> None:
    """Delete what was learned longest ago where a namespace has as many as it may have."""
    found: list[tuple[str, str, str]] = []
    async for page in client.pages(PIPELINE_HISTORIES, Selection(namespace=namespace)):
        found += [(_last(raw), raw["metadata"]["name"], raw["metadata"]["uid"]) for raw in page.items]
    for _, name, uid in sorted(found)[: max(len(found) - MOST_HISTORIES + 1, 0)]:
        try:
            await client.delete(PIPELINE_HISTORIES, name, namespace, uid=uid)
        except (NotFoundError, ConflictError):
            continue


def _last(raw: RawObject) -> str:
    runs = (raw.get("spec") or {}).get("runs") or [{}]
    return str(runs[-1].get("completionTime") or "")
