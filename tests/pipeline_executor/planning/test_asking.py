"""A plan is made in a process of its own, within bounds."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest

from pipeline_executor.planning import Limits, Planned, Question, Refused, Unplannable, Unsettled, ask
from tests.pipeline_executor.hub.pipelines import pipeline, placed

CHAIN = {"make": [], "refine": ["make"], "judge": ["refine"]}
SPREAD = placed({"make": "eu", "refine": "us", "judge": "eu"})


def site(name: str, **spec: object) -> dict[str, Any]:
    """A raw Site."""
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Site",
        "metadata": {"name": name},
        "spec": {"jurisdiction": "DE", **spec},
    }


async def objects(*more: Mapping[str, Any]) -> AsyncIterator[Mapping[str, Any]]:
    """Two sites, and what else there is."""
    for each in (site("eu"), site("us"), *more):
        yield each


def question(text: str, hints: Mapping[str, Any] = SPREAD, **changes: Any) -> Question:  # noqa: ANN401 - of a question
    """A question about a run in namespace `fraud`."""
    return Question(text, "pipeline", namespace="fraud", hints=[("hints", hints)], **changes)


async def test_a_plan_and_what_a_release_asks_of_it() -> None:
    """The plan's files, and beside them each group's parameters and digest."""
    text = pipeline(CHAIN, parameters={"greeting": "hello"})
    answer = await ask(question(text), objects(), Limits())
    assert isinstance(answer, Planned)
    groups = orjson.loads(answer.files["plan.json"])["groups"]
    assert [group["id"] for group in groups] == ["eu-1", "eu-2", "us-1"]
    told = orjson.loads(answer.files["inputs.json"])["groups"]
    assert {name: entry["parameters"] for name, entry in told.items()} == {"eu-1": [], "eu-2": [], "us-1": []}


async def test_the_same_question_has_the_same_answer() -> None:
    """A hub that asks again after a restart finds the plan that it had."""
    one = await ask(question(pipeline(CHAIN)), objects(), Limits())
    other = await ask(question(pipeline(CHAIN)), objects(), Limits())
    assert one == other


async def test_settled_groups_keep_their_id_and_their_tasks() -> None:
    """Planned anew without a site: what ran stays as it was, new groups have new ids."""
    pins = {"make": ["eu"], "refine": ["eu"], "judge": ["eu"]}
    anew = question(
        pipeline(CHAIN),
        {},
        settled={"make": "eu-1"},
        taken=["eu-1", "eu-2", "us-1"],
        without=["us"],
        pins=pins,
    )
    answer = await ask(anew, objects(), Limits())
    assert isinstance(answer, Planned)
    groups = orjson.loads(answer.files["plan.json"])["groups"]
    assert {group["id"]: group["tasks"] for group in groups} == {"eu-1": ["make"], "eu-3": ["refine", "judge"]}


async def test_nothing_feasible_is_explained() -> None:
    """With the facts that rule it out."""
    answer = await ask(question(pipeline(CHAIN), placed({"make": "atlantis"})), objects(), Limits())
    assert isinstance(answer, Unplannable)
    assert "make" in answer.message
    assert "infeasible.json" in answer.files


@pytest.mark.parametrize(
    ("text", "hints", "said"),
    [
        ("[", {}, "pipeline"),
        ("a: &a [*a]", {}, "pipeline"),
        ('{"schemaVersion": "1.4", "workflow": {"tasks": []}}', {}, "pipeline"),
        (pipeline(CHAIN), {"tasks": {"make": {"serviceAccount": "admin"}}}, "serviceAccount"),
        (pipeline(CHAIN), {"defaults": {"namespace": "steward"}}, "namespace"),
        (pipeline(CHAIN, parameters={"greeting": None}), {}, "greeting"),
    ],
)
async def test_what_can_not_be_used_is_refused(text: str, hints: Mapping[str, Any], said: str) -> None:
    """With a sentence, whatever it is."""
    answer = await ask(question(text, hints), objects(), Limits())
    assert isinstance(answer, Refused)
    assert said in answer.message


async def test_one_broken_object_keeps_nobody_from_planning() -> None:
    """A Site or Dataset that can't be read is taken as not there."""
    broken = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Dataset", "metadata": {"name": "x"}, "spec": {"odd": 1}}
    answer = await ask(question(pipeline(CHAIN)), objects(broken, site("odd", speed="fast")), Limits())
    assert isinstance(answer, Planned)


STORED: Mapping[str, Any] = {"artifactStore": {"s3": {"endpoint": "https://s3", "bucket": "runs"}}}


async def unlike(*names: str) -> AsyncIterator[Mapping[str, Any]]:
    """Sites with a store, and a cheaper one without."""
    for name in names:
        yield site(name, cpuHourPrice="1", **STORED)
    yield site("bare", cpuHourPrice="0.1")


async def test_nothing_runs_where_a_run_could_keep_nothing() -> None:
    """A Site without a store may have data; it is told where a pipeline says that it must run there."""
    answer = await ask(question(pipeline(CHAIN), {}), unlike("eu"), Limits())
    assert isinstance(answer, Planned)
    assert {group["site"] for group in orjson.loads(answer.files["plan.json"])["groups"]} == {"eu"}
    answer = await ask(question(pipeline(CHAIN), placed({"make": "bare"})), unlike("eu"), Limits())
    assert isinstance(answer, Unplannable)
    assert answer.message.endswith("No task of a run may be at bare, which has no spec.artifactStore")


async def test_where_no_site_has_a_store_the_plan_is_made_all_the_same() -> None:
    """The run waits for a store, and says so."""
    answer = await ask(question(pipeline(CHAIN), {}), unlike(), Limits())
    assert isinstance(answer, Planned)


async def test_memory_is_bounded() -> None:
    """What takes more than it may ends without a plan, and the hub goes on."""
    answer = await ask(question(pipeline(CHAIN)), objects(), Limits(memory_bytes=48 << 20))
    assert isinstance(answer, Unsettled)
    assert "memory" in answer.message or "GiB" in answer.message
