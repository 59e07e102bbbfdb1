"""`why`: the decision for each site, in sentences, for a pod or for a dataset and a reader."""

import click

from moorage.errors import ForbiddenError, InputError, NotFoundError
from moorage.kube import DATASETS, PODS, Client
from moorage.locality.snapshot import Request
from moorage.model import DatasetRef
from moorage_cli import cache_stories
from moorage_cli.completing import SubjectName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.gathering import Asked, Gathered, ask_for_pod, ask_for_workload, find, gather
from moorage_cli.output import MISSING, document, output_option, say, sentence, table
from moorage_cli.reviewing import Reviewed, review, tell
from moorage_cli.running import REFUSED
from moorage_cli.sentences import seconds_words, words
from moorage_cli.stories import (
    SiteStory,
    as_document,
    assumptions,
    outcome,
    reader_words,
    refusals,
    site_stories,
    unsited_nodes,
    writing_refusals,
)
from moorage_cli.subjects import WORKLOADS, Subject, read_subject


@click.command(short_help="Explain, site by site, why a pod may or may not read its data.")
@click.argument("subject", type=SubjectName(), metavar="[KIND/]NAME")
@click.option(
    "--service-account",
    default="default",
    show_default=True,
    help="The reader's service account, when you ask about a dataset.",
)
@click.option("--purpose", help="The reader's purpose, when you ask about a dataset.")
@output_option("text", "json", "yaml")
@target_options
@click.pass_context
def why(context: click.Context, /, *, subject: str, service_account: str, purpose: str | None, output: str) -> int:
    """Explain, site by site, why a pod may or may not read its datasets, and why it runs where it does.

    Ask about a workload (deploy/x, job/x, cronjob/x, sts/x, rs/x, ds/x) to get the same for its pods, even before
    there is one.

    Ask about a dataset (NAMESPACE/NAME, or NAME in the reader's own namespace) to learn whether a reader may read it.
    -n, --service-account and --purpose say who the reader is.

    Exit code 0: the pod runs and is allowed there, or some site allows the reader. Otherwise 1.

    \b
    kubectl dataset why pod/train -n fraud
    kubectl dataset why deploy/train -n fraud
    kubectl dataset why steward/claims -n fraud --service-account trainer --purpose research
    """  # noqa: D301 - \b is what click needs
    asked = read_subject(subject)

    async def look(client: Client, namespace: str) -> Gathered | Reviewed:
        whom = await _ask_for(client, namespace, asked, service_account, purpose)
        try:
            return await gather(client, whom)
        except ForbiddenError as error:
            return await review(client, whom, error)

    found = target_of(context).ask(look)
    if isinstance(found, Reviewed):
        return tell(found, output)
    stories = site_stories(found.request, found.snapshot, nodes_seen=found.nodes_seen)
    return _tell(found, stories, output)


async def _ask_for(client: Client, namespace: str, asked: Subject, service_account: str, purpose: str | None) -> Asked:
    name, resource = asked.name, asked.resource
    if resource is not None and resource in WORKLOADS:
        raw = await find(client, resource, namespace, name)
        if raw is None:
            raise _not_there(f"{resource.kind.lower()} {name}", namespace)
        return await ask_for_workload(client, namespace, resource.kind, raw)
    is_dataset = resource is DATASETS
    pod = None if is_dataset or asked.namespace else await find(client, PODS, namespace, name)
    if resource is None:
        is_dataset = bool(asked.namespace or await find(client, DATASETS, namespace, name))
    if pod is not None and is_dataset:
        raise InputError(name, "NAME", f"is a pod and a dataset: write pod/{name} or dataset/{name}")
    if pod is not None:
        return ask_for_pod(pod)
    if not is_dataset:
        if resource is PODS:
            raise _not_there(f"pod {name}", namespace)
        raise _not_there(f"pod or dataset {name}", namespace, f", a dataset elsewhere as NAMESPACE/{name}")
    return Asked(namespace, service_account, purpose, (DatasetRef(asked.namespace or namespace, name),))


def _not_there(what: str, namespace: str, remedy: str = "") -> NotFoundError:
    return NotFoundError(f"there is no {what} in namespace {namespace}: name the right one with -n{remedy}", status=404)


def _tell(gathered: Gathered, stories: tuple[SiteStory, ...], output: str) -> int:
    request, snapshot = gathered.request, gathered.snapshot
    pod, raw_pod, workload = gathered.asked.pod, gathered.asked.raw_pod, gathered.asked.workload
    end = None if pod is None or raw_pod is None else outcome(raw_pod, pod, request, snapshot, gathered.nodes)
    unwritable = [] if pod is None else writing_refusals(pod, request, snapshot)
    permitted = end.placed_and_allowed if end else any(story.verdict.decision.allowed for story in stories)
    allowed = permitted and not unwritable
    if output in {"json", "yaml"}:
        body = {**as_document(request, stories), "allowed": allowed, "notes": [*unwritable, *gathered.notes]}
        body["caches"] = cache_stories.as_document(request, snapshot)
        if workload:
            body["workload"] = workload
        if pod and end:
            body["pod"] = {
                "name": pod.name,
                "node": pod.node_name,
                "outcome": end.sentences,
                "warnings": [*gathered.warnings],
            }
        document(body, output)
        return 0 if allowed else REFUSED
    sentence(_opening(gathered))
    remarks = [*unwritable, *gathered.notes]
    if request.refs:
        say()
        _tell_sites(request, stories)
        _tell_caches(gathered, stories)
        remarks = [*assumptions(request, snapshot), *unsited_nodes(snapshot), *remarks]
    if remarks:
        say()
    for line in remarks:
        sentence(line)
    if end is not None:
        say()
        for line in [*end.sentences, *(f"Event {warning}" for warning in gathered.warnings)]:
            sentence(line)
    return 0 if allowed else REFUSED


def _opening(gathered: Gathered) -> str:
    request, pod, workload = gathered.request, gathered.asked.pod, gathered.asked.workload
    as_whom = reader_words(
        request, gathered.asked.stated_purpose, gathered.snapshot.purposes.get(request.reader.namespace)
    )
    if pod is None:
        return f"A reader of dataset {request.refs[0]} {as_whom}:"
    who = f"Each pod of {workload}" if workload else f"Pod {pod.namespace}/{pod.name}"
    if not request.refs:
        return f"{who} reads no dataset: no label names one, and no volume asks for one."
    used = {use.ref: ".".join(sorted(use.use_as)) or "named only" for use in pod.usage.reading}
    used |= {use.ref: f"{used[use.ref]}, to write" for use in pod.usage.writing}
    named = [f"{ref} ({used.get(ref, 'volume')})" for ref in request.refs]
    return f"{who} reads {words(named)} {as_whom}."


def _tell_sites(request: Request, stories: tuple[SiteStory, ...]) -> None:
    if not stories:
        sentence("There is no Site: nothing can be read anywhere. Create one.")
        return
    several = len(request.refs) > 1
    header = [
        "SITE",
        "NODES",
        *([str(ref) for ref in request.refs] if several else ()),
        "DECISION",
        "FROM",
        "FETCH",
        "SCORE",
    ]
    rows = []
    for story in stories:
        decision = story.verdict.decision
        rows.append(
            [
                story.verdict.site_name,
                _nodes_words(story),
                *([_decision_word(story.alone[ref].rule) for ref in request.refs] if several else ()),
                _decision_word(decision.rule),
                words(set(story.origins.values())) if decision.allowed and story.origins else MISSING,
                seconds_words(story.verdict.seconds),
                MISSING if story.verdict.score is None else str(story.verdict.score),
            ]
        )
    table(header, rows)
    told = refusals(stories)
    if told:
        say()
    for sites, message in told:
        sentence(f"{sites}: {message}.")


def _tell_caches(gathered: Gathered, stories: tuple[SiteStory, ...]) -> None:
    request, snapshot = gathered.request, gathered.snapshot
    found = cache_stories.held(request, snapshot)
    allowed = [story.verdict.site_name for story in stories if story.verdict.decision.allowed]
    told = cache_stories.sentences(request, snapshot, allowed)
    if found:
        say()
        rows = [[each.node, each.site or MISSING, str(each.ref), cache_stories.amount(each)] for each in found]
        table(["NODE", "SITE", "DATASET", "COPY"], rows)
    if told:
        say()
    for line in told:
        sentence(line)


def _decision_word(rule: object) -> str:
    return "allowed" if rule is None else f"refused: {rule}"


def _nodes_words(story: SiteStory) -> str:
    if story.nodes is None:
        return MISSING
    if story.verdict.decision.allowed and story.passing_nodes != story.nodes:
        return f"{story.passing_nodes} of {story.nodes}"
    return str(story.nodes)
