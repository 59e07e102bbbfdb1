"""Each transfer is a line of evidence, written before the first byte crosses."""

from collections.abc import Callable

from moorage.evidence.line import Event, What
from moorage.recording import Recorder
from moorage.runs import Manifest, RunRef
from moorage.runs.records import manifest_digest
from pipeline_executor.spoke.importing import Transfer
from pipeline_executor.store import ArtifactStore


def recorded(transfer: Transfer, recorder: Recorder) -> Transfer:
    """The same transfer, after its line. One that broke and goes on has a line for each time that it is begun."""

    async def after_its_line(
        run: RunRef, source: ArtifactStore, target: ArtifactStore, manifest: Manifest, told: Callable[[int], None]
    ) -> Manifest:
        recorder.record(transfer_event(run, source, target, manifest), f"transfer of {manifest.artifact} of run {run}")
        return await transfer(run, source, target, manifest, told)

    return after_its_line


def transfer_event(run: RunRef, source: ArtifactStore, target: ArtifactStore, manifest: Manifest) -> Event:
    """What is told of a transfer: which artifact of which run, from where, to which site, how much, by which digest."""
    return Event(
        what=What.TRANSFER,
        run=str(run),
        artifact=manifest.artifact,
        source={"site": source.site, "bucket": source.bucket, "uri": manifest.uri},
        site=target.site,
        version=manifest_digest(manifest.files),
        bytes=manifest.size_bytes,
    )
