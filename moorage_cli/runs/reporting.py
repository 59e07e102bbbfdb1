"""`moorage runs report`: the page of a run, from the store of one of its sites."""

import sys
import webbrowser
from pathlib import Path, PurePosixPath
from typing import Final

import click

from moorage.errors import ForbiddenError, InputError, NotFoundError, StoreError
from moorage.kube import STRETCHED_PIPELINES, Client, RawObject
from moorage.model import SYSTEM_NAMESPACE
from moorage.runs import RunKeys, RunRef
from moorage.runs.logs import sites_of
from moorage.stores import SiteStores
from moorage.stores.own_keys import own_keys
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import say
from moorage_cli.runs.telling import phase_of

_MOST_BYTES: Final = 64 << 20
_PAGE: Final = "report.html"


@click.command("report", short_help="Fetch the report of a run.")
@click.argument("name", metavar="RUN")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to write it; - is stdout [default: RUN.html]."
)
@click.option("--plan", "only_plan", is_flag=True, help="Show only the plan, even if the run has ended.")
@click.option("--open", "opening", is_flag=True, help="Open it in a browser.")
@click.option("--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Moorage's namespace.")
@target_options
@click.pass_context
def report(  # noqa: PLR0913 - one parameter for each option
    context: click.Context, *, name: str, output: Path | None, only_plan: bool, opening: bool, system_namespace: str
) -> None:
    """Fetch the report of a run: the plan, compared with what happened if the run has ended.

    The report is one page: where each task runs, why, and what is transferred. It comes from the artifact store of one
    of the run's sites, and is read with the keys that `moorage runs logs` uses.

    \b
    moorage runs report nightly-3f2a91 -n fraud --open
    moorage runs report nightly-3f2a91 -n fraud -o plan.html
    """  # noqa: D301 - \b is what click needs
    if opening and output == Path("-"):
        raise InputError("--open", "-", "is stdout, which no browser opens: leave out the one or the other")

    async def fetch(client: Client, namespace: str) -> bytes:
        run = await client.get(STRETCHED_PIPELINES, name, namespace)
        async with SiteStores(client, system_namespace, own_keys()) as stores:
            return await find_report(stores, run, only_plan=only_plan)

    page = target_of(context).ask(fetch)
    if output == Path("-"):
        sys.stdout.buffer.write(page)
        return
    path = output or Path(f"{name}.html")
    try:
        path.write_bytes(page)
    except OSError as error:
        raise InputError("-o", str(path), f"can't be written: {error.strerror}") from None
    say(f"Wrote {path} ({len(page):,} bytes)")
    if opening and not webbrowser.open(path.resolve().as_uri()):
        say("There is no browser here: open the file yourself.", err=True)


async def find_report(stores: SiteStores, run: RawObject, *, only_plan: bool) -> bytes:
    """The page of the run, or of the plan that is in force, from the first site that has it.

    Args:
        stores: of the Sites.
        run: the StretchedPipeline.
        only_plan: whether the plan's page is meant, also where there is one that sets it beside what happened.

    Raises:
        NotFoundError: there is no plan yet, or no store has a page.
        StoreError: no store has it, and one can't be read.
        KubeError: the API server refused, or did not answer.
    """
    metadata, status = run["metadata"], run.get("status") or {}
    file = str((status.get("plan") or {}).get("file") or "")
    if not file:
        raise NotFoundError(f"run {metadata['name']} has no plan: it is {phase_of(status).value}", status=404)
    ref = RunRef(metadata["namespace"], metadata["name"], metadata["uid"])
    problem: StoreError | ForbiddenError | None = None
    for of_run in (False,) if only_plan else (True, False):
        for site in sites_of(status, ""):
            try:
                store = await stores.get(site)
                keys = RunKeys(store.prefix, ref)
                page = await store.get(keys.page if of_run else keys.plan(page_of(file)), _MOST_BYTES)
            except (StoreError, ForbiddenError) as error:
                problem = problem or error
                continue
            if page is not None:
                return page
    if isinstance(problem, ForbiddenError):
        told = f"the report of run {metadata['name']} lies in its sites' artifact stores, which you may not read"
        raise ForbiddenError(f"{told}\n{problem}", status=problem.status, reason=problem.reason)
    if problem is not None:
        raise problem
    raise NotFoundError(f"no artifact store has {page_of(file)} of run {metadata['name']}", status=404)


def page_of(plan_file: str) -> str:
    """The page beside a plan.json, both below `R/plan/`."""
    return str(PurePosixPath(plan_file).with_name(_PAGE))
