"""Plans in the stores: found after a restart, read, written before anything is submitted.

The first plan of a run is `R/plan/plan.json` and what belongs to it; the n-th, made when a site was lost, is
`R/plan/<n>/plan.json`. All share `R/plan/groups/`: no id of a group is used twice, and no file is ever changed. At each
site `plan.json` is written last of all, and only once everything else is at every site: so where there is one, all else
can be read.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping

from moorage.errors import InputError, KubeError, StoreError
from moorage.runs import RunKeys, RunRef
from pipeline_executor.hub.inforce import INPUTS, MOST_PLAN_BYTES, PLAN, InForce, read_inforce
from pipeline_executor.hub.state import PlanMark
from pipeline_executor.store import ArtifactStore, SiteStores

_GROUPS = "groups/"
PIPELINE, HINTS = "pipeline.yaml", "hints.json"
MEASURED = "measured.json"
"""What the plan took from earlier runs, as a file of hints."""
SHARED = (PIPELINE, HINTS)
"""What all plans of a run were made of: the first one's is kept."""
_AT_ONCE = 8


def file_name(name: str, revision: int) -> str:
    """What a file of a plan is called below `R/plan/`."""
    return name if revision == 1 or name.startswith(_GROUPS) or name in SHARED else f"{revision}/{name}"


def key(store: ArtifactStore, run: RunRef, file: str) -> str:
    """The key of a file below `R/plan/`."""
    return RunKeys(store.prefix, run).plan(file)


async def find(stores: SiteStores, sites: Iterable[str], run: RunRef, revision: int) -> Mapping[str, bytes] | None:
    """The files of a plan that an earlier hub wrote at some site; None where none did, or its store does not answer."""

    async def look(site: str) -> Mapping[str, bytes] | None:
        try:
            async with asyncio.timeout(30):
                store = await stores.get(site)
                if await store.size(key(store, run, file_name(PLAN, revision))) is None:
                    return None
                return await _read_all(store, run, revision)
        except (StoreError, KubeError, TimeoutError):
            return None

    found = await asyncio.gather(*(look(site) for site in sorted(sites)))
    return next((files for files in found if files is not None), None)


async def _read_all(store: ArtifactStore, run: RunRef, revision: int) -> Mapping[str, bytes]:
    names = [PLAN, INPUTS, "bound.json", "report.html", MEASURED, *SHARED]
    prefix = key(store, run, "")
    names += [each.key[len(prefix) :] for each in await store.keys(key(store, run, _GROUPS))]
    files: dict[str, bytes] = {}
    for name in names:
        content = await store.get(key(store, run, file_name(name, revision)), MOST_PLAN_BYTES)
        if content is not None:
            files[name] = content
    return files


async def read(
    stores: SiteStores, sites: Iterable[str], run: RunRef, mark: PlanMark, earlier: InForce | None = None
) -> InForce:
    """The plan that a run's status names, from the first site that has it.

    Raises:
        StoreError: no store that answers has it.
    """
    problem = StoreError("PlanMissing", f"the plan {mark.file} is in no artifact store: run the pipeline anew")
    for site in sorted(sites):
        try:
            store = await stores.get(site)
            content = await store.get(key(store, run, mark.file), MOST_PLAN_BYTES)
            if content is None or (mark.digest and hashlib.sha256(content).hexdigest() != mark.digest):
                continue
            inputs = await store.get(key(store, run, file_name(INPUTS, mark.revision)), MOST_PLAN_BYTES)
            files = {PLAN: content, **({INPUTS: inputs} if inputs is not None else {})}
            return await asyncio.to_thread(read_inforce, files, mark.revision, mark.file, earlier)
        except StoreError as error:
            problem = error
        except InputError as error:
            problem = StoreError("PlanMissing", str(error))
    raise problem


async def write(
    stores: SiteStores, run: RunRef, plan: InForce, files: Mapping[str, bytes], earlier: InForce | None = None
) -> None:
    """Write a plan at each site that runs a group. Files of groups that an earlier plan had are left as they are.

    Raises:
        StoreError: a store does not answer; what was written stays, and is written again without harm. `PlanDiffers`:
            another plan is there already, which `find` finds now.
        KubeError: the hub's API server did not answer.
    """
    revision = plan.mark.revision
    kept = set() if earlier is None else {group.file for group in earlier.groups.values()}
    opened = [await stores.get(site) for site in sorted(plan.sites)]
    limit = asyncio.Semaphore(_AT_ONCE)

    async def put(store: ArtifactStore, name: str) -> None:
        async with limit:
            place = key(store, run, file_name(name, revision))
            if await store.put_once(place, files[name]) or name in SHARED:
                return
            # What a spoke was told the digest of is never changed. Before there is a plan.json, no spoke was told
            # anything: these are of a planning that did not come to its end, when other Datasets or figures held.
            if await store.get(place, MOST_PLAN_BYTES) == files[name]:
                return
            if name != PLAN and await store.size(key(store, run, file_name(PLAN, revision))) is None:
                await store.put(place, files[name])
            else:
                problem = f"artifact store of Site {store.site}: {place} is of another plan: run the pipeline anew"
                raise StoreError("PlanDiffers", problem)

    names = [name for name in files if name != PLAN and name not in kept]
    await asyncio.gather(*(put(store, name) for store in opened for name in names))
    await asyncio.gather(*(put(store, PLAN) for store in opened))
