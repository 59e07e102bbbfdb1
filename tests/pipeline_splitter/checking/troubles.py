"""Small random pipelines for which there often is no plan, for every reason that there can be."""

from dataclasses import replace

from hypothesis import strategies as st

from moorage.model import Classification, DatasetUse, Governance, Site
from moorage.sites import Inventory
from pipeline_splitter.graph import Pin, Task
from tests.builders import make_site
from tests.pipeline_splitter.flow_stories import (
    GENTLE,
    RULES,
    SITES,
    Story,
    digest_of,
    governed,
    known,
    make_release,
    mounting,
    stories,
)
from tests.pipeline_splitter.graphs import make_graph

BYS = ("hint sites", "annotation moorage.dev/site")
RELEASES = ("pseudonymise", "sample", "shred")
"""The last is declared nowhere."""
SECRET = Governance(Classification.RESTRICTED)
LENIENT = Governance(Classification.CONFIDENTIAL)
SITE_SETS = st.frozensets(st.sampled_from([*SITES, "mars"]), min_size=1, max_size=2)


@st.composite
def troubles(draw: st.DrawFn, *, quotas: bool = True) -> Story:
    """A story with pins, requests, ties and quotas, and tasks that only claim to release."""
    story = draw(stories(draw(st.sampled_from([RULES, GENTLE])), tasks=4))
    tasks = {name: draw(troubled(task, story)) for name, task in story.graph.tasks.items()}
    names = sorted(tasks)
    ties = draw(st.lists(st.frozensets(st.sampled_from(names), min_size=1, max_size=3), max_size=2))
    graph = replace(story.graph, tasks=tasks, together=tuple(ties))
    sites = [draw(troubled_site(site, quotas=quotas)) for site in story.inventory.sites.values()]
    return Story(graph, story.datasets, Inventory.of(sites))


@st.composite
def troubled(draw: st.DrawFn, task: Task, story: Story) -> Task:
    """A task with whatever may keep it from sites."""
    pins = draw(st.lists(st.builds(Pin, SITE_SETS, st.sampled_from(BYS)), max_size=draw(st.sampled_from([0, 0, 2]))))
    requests = {"cpu": 1.0, "memory": draw(st.sampled_from([0.0, 8e9]))} if draw(st.booleans()) else {}
    seconds = draw(st.sampled_from([0.0, 60.0, 1800.0, 3600.0]))
    (step,) = task.steps
    ref = draw(st.sampled_from(sorted(story.datasets)))
    release = draw(st.sampled_from(RELEASES))
    match draw(st.sampled_from(["", "", "accepts", "claims", "is"])):
        case "accepts":
            step = replace(step, accepts=step.accepts | {(ref, release)})
        case "claims" | "is" as kind:
            uses = (*step.uses, DatasetUse(len(step.uses), ref, release=release))
            step = replace(step, uses=uses, container_digest=digest_of(release if kind == "is" else "other"))
    return replace(task, steps=(step,), pins=tuple(pins), requests=requests, seconds=seconds, cpu_seconds=seconds)


@st.composite
def troubled_site(draw: st.DrawFn, site: Site, *, quotas: bool) -> Site:
    """A site that may have too little of something."""
    resources = draw(st.sampled_from([None, None, {"cpu": 0.5, "memory": 64e9}, {"cpu": 4.0}]))
    quota = draw(st.sampled_from([None, 0.0, 0.5, 1.0])) if quotas else None
    clearance = draw(st.sampled_from([site.clearance, Classification.PUBLIC]))
    return replace(
        site, resources=resources, quota_cpu_hours=quota, clearance=clearance, speed=draw(st.sampled_from([1.0, 2.0]))
    )


@st.composite
def leaks(draw: st.DrawFn) -> Story:
    """One dataset that may be read at one site, and a chain of tasks of which some run elsewhere: one change may do."""
    releases = draw(st.lists(st.sampled_from(RELEASES[:2]), max_size=2, unique=True))
    yields = st.sampled_from([LENIENT, replace(LENIENT, sites_deny=frozenset({"eu-2"})), SECRET])
    claims = governed("claims", SECRET, *(make_release(name, draw(yields)) for name in releases))
    builder = make_graph().dataset(claims.ref, 1e9)
    keys = [str(claims.ref)]
    for index in range(draw(st.integers(2, 4))):
        accepted = draw(st.lists(st.sampled_from(RELEASES), max_size=1))
        claimed = draw(st.sampled_from([*RELEASES, None, None, None])) if index else None
        builder = builder.task(
            f"t{index}",
            reads=draw(st.lists(st.sampled_from(keys), min_size=1, max_size=2, unique=True)) if index else (),
            writes={"out": 1e9},
            uses=(DatasetUse(0, claims.ref, release=claimed),) if claimed else () if index else mounting(claims.ref),
            accepts=[(claims.ref, name) for name in accepted],
            container_digest=digest_of(draw(st.sampled_from([claimed, "other"]))) if claimed else None,
            sites=draw(st.sampled_from([None, None, ["eu-2", "us-1"], ["us-1"]])) if index else None,
            seconds=draw(st.sampled_from([0.0, 1800.0])),
        )
        keys = [f"t{index}.out", *keys]
    quota = draw(st.sampled_from([None, None, 0.5, 0.51]))
    sites = [
        make_site("eu-1", "DE", clearance=Classification.RESTRICTED, quota_cpu_hours=quota),
        make_site("eu-2", "FR", clearance=draw(st.sampled_from(Classification))),
        make_site("us-1", "US", clearance=Classification.CONFIDENTIAL),
    ]
    return Story(builder.obj(), known(claims), Inventory.of(sites))
