"""Splits a compiled pipeline over two sites, as the hub does, and runs each group on this machine, as spokes do.

Each site has a folder of its own in the place of its artifact store. What a group imports is copied from the
producer's folder to the consumer's; its importers are filled in, and its exports found, by the spoke's own functions.
"""

import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from moorage.runs import ExportSpec, Manifest
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Artifact, Outputs, Step, read_program
from pipeline_executor.planning.answering import answer
from pipeline_executor.planning.question import Planned, Question
from pipeline_executor.runners.protocol import Progress
from pipeline_executor.spoke.exports import exports_of
from pipeline_executor.spoke.importers import fill_importers
from pipeline_splitter.documents import parse
from tests.pipeline_executor.engine.locally import BUCKET, LocalRun

SITES = ("eu-1", "us-1")
_TRIES = 8

Raw = dict[str, Any]


def split(text: str, subject: str, arguments: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The files of a plan that has groups at both sites; None where no assignment that was tried is possible."""
    whole = _plan(text, subject, arguments, {})
    assert whole is not None
    tasks = [task["name"] for task in json.loads(whole["plan.json"])["tasks"]]
    for pins in _assignments(tasks, subject):
        files = _plan(text, subject, arguments, pins)
        if files is not None and len({group["site"] for group in json.loads(files["plan.json"])["groups"]}) > 1:
            return files
    return None


def _assignments(tasks: Sequence[str], seed: str) -> Iterator[Mapping[str, str]]:
    """Every second task elsewhere; then at random, always the same; then one task alone."""
    yield {task: SITES[index % 2] for index, task in enumerate(tasks)}
    chosen = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(_TRIES):
        yield {task: chosen.choice(SITES) for task in tasks}
    for task in tasks[:_TRIES]:
        yield {task: SITES[1]}


def _plan(text: str, subject: str, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> Mapping[str, str] | None:
    # Money alone would put all of it into eu-1: a pin says where else.
    prices = {"eu-1": "0.01", "us-1": "0.02"}
    objects = [
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "Site",
            "metadata": {"name": site},
            "spec": {"cpuHourPrice": price},
        }
        for site, price in prices.items()
    ]
    hints = {"tasks": {task: {"sites": [site]} for task, site in pins.items()}}
    question = Question(pipeline=text, subject=subject, parameters=arguments, hints=[("pins", hints)])
    answered = answer(question, objects)
    return answered.files if isinstance(answered, Planned) else None


@dataclass
class SplitRun:
    """A run of all groups of a plan.

    Attributes:
        folder: each site has one in it.
        made: what each task's last attempt gave out, by the task's path.
        crossed: artifacts and values that were imported.
    """

    files: Mapping[str, str]
    arguments: Mapping[str, Any]
    folder: Path
    made: dict[str, Outputs] = field(default_factory=dict)
    contents: dict[str, list[str]] = field(default_factory=dict)
    crossed: list[str] = field(default_factory=list)
    _artifacts: dict[str, tuple[str, Artifact]] = field(default_factory=dict)
    _values: dict[str, Any] = field(default_factory=dict)

    def to_the_end(self) -> None:
        """Run each group after those that it comes after."""
        plan, inputs = json.loads(self.files["plan.json"]), json.loads(self.files["inputs.json"])
        groups = {group["id"]: group for group in plan["groups"]}
        for name in TopologicalSorter({name: group["after"] for name, group in groups.items()}).static_order():
            group = groups[name]
            told = inputs["groups"][group["id"]]
            given = {name: self.arguments[name] for name in told["parameters"] if name in self.arguments}
            self._run(group, given, told["taskNames"])

    def _run(self, group: Raw, given: Raw, names: Mapping[str, str]) -> None:
        documents: Sequence[Mapping[str, Any]] = parse(self.files[group["file"]].encode(), group["file"])
        manifests: dict[str, Manifest] = {}
        for each in group["imports"]:
            self.crossed.append(each.get("artifact") or each["value"])
            if "artifact" in each:
                site, artifact = self._artifacts[each["artifact"]]
                self._copy(artifact.uri, site, group["site"])
                given[each["parameter"]] = artifact.uri
                manifests[each["parameter"]] = Manifest(
                    each["artifact"], artifact.type, artifact.metadata, artifact.uri, ()
                )
            else:
                given[each["parameter"]] = self._values[each["value"]]
        documents = fill_importers(documents, manifests)
        run = LocalRun(read_program(documents, group["file"], names), self.folder / group["site"], given)
        last = run.to_the_end()
        assert last.phase is TaskPhase.SUCCEEDED, (group["id"], last.message, run.logs)
        self._export(group, documents, run, last, names)
        made, contents = given_out(run)
        self.made |= made
        self.contents |= contents

    def _export(
        self, group: Raw, documents: Sequence[Mapping[str, Any]], run: LocalRun, last: Step, names: Mapping[str, str]
    ) -> None:
        exports = [ExportSpec(each["output"], each.get("artifact"), each.get("value")) for each in group["exports"]]
        ended = {path: attempts[-1].outputs for path, attempts in run.attempts.items()}
        progress = Progress(
            phase=last.phase,
            ended={path: outputs for path, outputs in ended.items() if outputs is not None},
            outputs=last.outputs,
        )
        due, missing = exports_of(documents, exports, progress, names)
        assert not missing, missing
        for each in due:
            if each.artifact is not None:
                assert each.spec.artifact is not None
                self._artifacts[each.spec.artifact] = group["site"], each.artifact
            else:
                assert each.spec.value is not None
                self._values[each.spec.value] = each.value

    def _copy(self, uri: str, producer: str, consumer: str) -> None:
        below = f"s3/{BUCKET}/{uri.removeprefix(f's3://{BUCKET}/')}"
        source, target = self.folder / producer / below, self.folder / consumer / below
        if producer == consumer or not source.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


def given_out(run: LocalRun) -> tuple[dict[str, Outputs], dict[str, list[str]]]:
    """What each task gave out, by path; and what is in its artifacts."""
    made = {
        path: attempts[-1].outputs
        for path, attempts in run.attempts.items()
        if attempts and attempts[-1].outputs is not None
    }
    contents = {
        f"{path}.{name}": [run.content(artifact.uri) for artifact in artifacts]
        for path, outputs in made.items()
        for name, artifacts in outputs.artifacts.items()
    }
    return made, contents
