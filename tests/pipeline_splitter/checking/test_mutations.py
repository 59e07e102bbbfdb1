"""Whatever is changed in a plan's files, the check names the place."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from pipeline_splitter.checking import check
from tests.pipeline_splitter.checking.plans import example

Raw = dict[str, Any]
Change = Callable[[Raw], str]
"""Changes a document in place; the place that a finding has to name, as a pattern."""


def task(plan: Raw, name: str) -> Raw:
    """One task of a plan."""
    found: Raw = next(each for each in plan["tasks"] if each["name"] == name)
    return found


def elsewhere(plan: Raw, kind: str) -> tuple[Raw, Raw]:
    """A task with an alternative that is possible (`costDelta`) or denied (`denied`), and that."""
    for each in plan["tasks"]:
        for alternative in each["alternatives"]:
            if kind in alternative:
                return each, alternative
    raise AssertionError(kind)


def change_site(plan: Raw) -> str:
    """A task is said to run where it may not."""
    task(plan, "count-delays")["site"] = "us-1"
    return r"tasks\[count-delays\].site"


def change_site_to_possible(plan: Raw) -> str:
    """A task is said to run at another of its permitted sites."""
    moved, alternative = elsewhere(plan, "costDelta")
    moved["site"] = alternative["site"]
    return r"transfers|costs"


def change_site_to_unknown(plan: Raw) -> str:
    """A task is said to run nowhere known."""
    task(plan, "train")["site"] = "mars"
    return r"tasks\[train\].site"


def change_group(plan: Raw) -> str:
    """A task is said to be in a group of another site."""
    task(plan, "count-delays")["group"] = task(plan, "train")["group"]
    return r"tasks\[count-delays\].group"


def change_start(plan: Raw) -> str:
    """A task starts before its inputs are there."""
    task(plan, "train")["start"] = 0
    return r"tasks\[train\].start"


def change_end(plan: Raw) -> str:
    """A task takes less than it does."""
    task(plan, "train")["end"] -= 1
    return r"tasks\[train\].end"


def change_inserted(plan: Raw) -> str:
    """A task of the pipeline is said to be inserted."""
    task(plan, "train")["inserted"] = True
    return r"tasks\[train\].inserted"


def weaken_governance(plan: Raw) -> str:
    """Residency is forgotten."""
    del task(plan, "summarise-weather")["governance"]["us-stewards/weather"]["residency"]
    return r"tasks\[summarise-weather\].governance\[us-stewards/weather\]"


def forget_governance(plan: Raw) -> str:
    """A dataset is forgotten."""
    del task(plan, "train")["governance"]["stewards/flights"]
    return r"tasks\[train\].governance"


def invent_governance(plan: Raw) -> str:
    """A dataset that the task does not read."""
    task(plan, "count-delays")["governance"]["x/y"] = {}
    return r"tasks\[count-delays\].governance\[x/y\]"


def drop_task(plan: Raw) -> str:
    """A task is left out."""
    plan["tasks"].remove(task(plan, "report"))
    return "tasks"


def double_task(plan: Raw) -> str:
    """A task stands there twice."""
    plan["tasks"].append(task(plan, "report"))
    return "tasks"


def rename_task(plan: Raw) -> str:
    """A task has another name."""
    task(plan, "report")["name"] = "rapport"
    return r"tasks\[rapport\]"


def drop_transfer(plan: Raw) -> str:
    """What crosses is left out."""
    del plan["transfers"][0]
    return "transfers"


def double_transfer(plan: Raw) -> str:
    """What crosses is counted twice."""
    plan["transfers"].append(plan["transfers"][0])
    return "transfers"


def invent_transfer(plan: Raw) -> str:
    """What nobody needs is brought."""
    plan["transfers"].append({**plan["transfers"][0], "to": "us-1"})
    return "transfers"


def transfer(field: str, value: object) -> Change:
    """A field of a transfer is changed."""

    def change(plan: Raw) -> str:
        plan["transfers"][0][field] = value
        return rf"transfers\[.*\]\.{field}"

    change.__name__ = f"transfer {field}"
    return change


def cost(field: str, value: Callable[[Raw], object]) -> Change:
    """A field of the first objective is changed."""

    def change(plan: Raw) -> str:
        plan["cost"][0][field] = value(plan["cost"][0])
        return rf"cost\[money\]\.{field}"

    change.__name__ = f"cost {field}"
    return change


def raise_bound(plan: Raw) -> str:
    """The bound is the value, and the value is a little higher, too."""
    plan["cost"][0]["lowerBound"] *= 1 + 1e-6
    plan["cost"][0]["gap"] = 0
    return r"cost\[money\]\.lowerBound"


def costs(objective: str) -> Change:
    """One of the four figures is lower."""

    def change(plan: Raw) -> str:
        plan["costs"][objective] *= 0.99
        return rf"costs\.{objective}"

    change.__name__ = f"costs {objective}"
    return change


def change_delta(plan: Raw) -> str:
    """Another site would cost more than it does."""
    moved, alternative = elsewhere(plan, "costDelta")
    alternative["costDelta"] += 1e-6
    return rf"tasks\[{moved['name']}\].alternatives\[{alternative['site']}\].costDelta"


def deny_what_is_possible(plan: Raw) -> str:
    """Another site is said to be denied."""
    moved, alternative = elsewhere(plan, "costDelta")
    del alternative["costDelta"]
    alternative["denied"] = {"rule": "Pinned", "message": "stay"}
    return rf"tasks\[{moved['name']}\].alternatives\[{alternative['site']}\].denied"


def permit_what_is_denied(plan: Raw) -> str:
    """Another site is said to be possible."""
    moved, alternative = elsewhere(plan, "denied")
    del alternative["denied"]
    alternative["costDelta"] = 1
    return rf"tasks\[{moved['name']}\].alternatives\[{alternative['site']}\]"


def deny_by_another_rule(plan: Raw) -> str:
    """Another site is denied by another rule."""
    moved, alternative = elsewhere(plan, "denied")
    alternative["denied"]["rule"] = "SiteDenied"
    return rf"tasks\[{moved['name']}\].alternatives\[{alternative['site']}\].denied"


def drop_alternative(plan: Raw) -> str:
    """One other site is not spoken of."""
    del task(plan, "train")["alternatives"][0]
    return r"tasks\[train\].alternatives"


def last_group(plan: Raw) -> Raw:
    """A group that comes after others and imports of them."""
    found: Raw = next(each for each in plan["groups"] if each["after"] and each["imports"])
    return found


def group(field: str, value: object) -> Change:
    """A field of a group is changed."""

    def change(plan: Raw) -> str:
        changed = last_group(plan)
        name, changed[field] = changed["id"], value
        return rf"groups.*({name}|ids)"

    change.__name__ = f"group {field}"
    return change


def reverse_group(plan: Raw) -> str:
    """A group's tasks stand in another order."""
    found = max(plan["groups"], key=lambda each: len(each["tasks"]))
    found["tasks"].reverse()
    return rf"groups\[{found['id']}\]\.tasks"


def drop_import(plan: Raw) -> str:
    """A group is not given what it reads."""
    found = last_group(plan)
    del found["imports"][0]
    return rf"groups\[{found['id']}\]\.imports"


def drop_export(plan: Raw) -> str:
    """A group does not give out what others read."""
    found = next(each for each in plan["groups"] if each["exports"])
    found["exports"].pop()
    return rf"groups\[{found['id']}\]\.exports"


def rename_import(plan: Raw) -> str:
    """An import has a name that its file does not know."""
    found = last_group(plan)
    found["imports"][0]["parameter"] = "elsewhere"
    return rf"groups\[{found['id']}\]\.imports\[elsewhere\]"


def rename_export(plan: Raw) -> str:
    """An export has a name that its file does not know."""
    found = next(each for each in plan["groups"] if each["exports"])
    found["exports"][0]["output"] = "elsewhere"
    return rf"groups\[{found['id']}\]\.exports\[elsewhere\]"


def drop_release(plan: Raw) -> str:
    """An inserted task that no release explains."""
    plan["releases"] = []
    return r"tasks\[release-.*\]"


def release(field: str, value: object) -> Change:
    """A field of a release is changed."""

    def change(plan: Raw) -> str:
        plan["releases"][0][field] = value
        return r"releases\[0\]"

    change.__name__ = f"release {field}"
    return change


def change_digest(plan: Raw) -> str:
    """The plan is one of another pipeline."""
    plan["pipeline"]["digest"] = "0" * 64
    return r"pipeline\.digest"


def change_name(plan: Raw) -> str:
    """The plan is one of another pipeline."""
    plan["pipeline"]["name"] = "other"
    return r"pipeline\.name"


def break_schema(plan: Raw) -> str:
    """A figure that the schema does not permit."""
    plan["transfers"][0]["bytes"] = -1
    return r"transfers\[0\]\.bytes"


def assume_what_is_known(plan: Raw) -> str:
    """Seconds that somebody stated are called a default."""
    task(plan, "train")["assumed"] = ["seconds"]
    return r"tasks\[train\]\.assumed"


def doubt_the_proof(plan: Raw) -> str:
    """What bound.json proves is said not to be proven."""
    plan["cost"][0]["certified"] = False
    return r"cost\[money\]\.certified"


PLAN_CHANGES: list[Change] = [
    assume_what_is_known,
    doubt_the_proof,
    change_site,
    change_site_to_possible,
    change_site_to_unknown,
    change_group,
    change_start,
    change_end,
    change_inserted,
    weaken_governance,
    forget_governance,
    invent_governance,
    drop_task,
    double_task,
    rename_task,
    drop_transfer,
    double_transfer,
    invent_transfer,
    transfer("from", "us-2"),
    transfer("bytes", 1),
    transfer("seconds", 0),
    transfer("money", 0),
    transfer("carbon", 0.5),
    transfer("readers", ["train"]),
    cost("value", lambda first: first["value"] * 1.001),
    cost("lowerBound", lambda first: first["value"] * 1.001),
    cost("gap", lambda first: first["gap"] + 1e-3),
    cost("optimal", lambda first: not first["optimal"]),
    raise_bound,
    *(costs(objective) for objective in ("bytes", "money", "carbon", "time")),
    change_delta,
    deny_what_is_possible,
    permit_what_is_denied,
    deny_by_another_rule,
    drop_alternative,
    group("id", "ch-1-7"),
    group("site", "us-2"),
    group("after", []),
    group("file", "groups/other.yaml"),
    reverse_group,
    drop_import,
    drop_export,
    rename_import,
    rename_export,
    drop_release,
    release("datum", "train.model"),
    release("readers", ["train"]),
    release("readers", []),
    release("site", "us-1"),
    release("task", "train"),
    release("release", "other"),
    change_digest,
    change_name,
    break_schema,
]


@pytest.mark.parametrize("change", PLAN_CHANGES, ids=lambda change: change.__name__)
def test_a_change_of_the_plan_is_found(change: Change) -> None:
    """The finding names the place."""
    made = example()
    plan = json.loads(made.files["plan.json"])
    place = change(plan)
    findings = made.findings(plan=json.dumps(plan))
    assert any(re.match(place, finding.where) for finding in findings), findings


def proven_branch(bound: Raw) -> Raw:
    """The branch with multipliers."""
    found: Raw = next(each for each in bound["objectives"][0]["branches"] if "multipliers" in each)
    return found


def drop_multipliers(bound: Raw) -> str:
    """The proof is left out."""
    del proven_branch(bound)["multipliers"]
    return r"bound\.json objectives\[money\]\.branches\[\d\]\.lowerBound"


def raise_messages(bound: Raw) -> str:
    """One message is raised: its cost moves from where it was to where it is not."""
    data = proven_branch(bound)["multipliers"]["data"]
    for key in data:
        for reader in data[key].values():
            for site in ("ch-1", "eu-1", "us-1"):
                reader.setdefault("messages", {})[site] = 10.0
    return r"bound\.json objectives\[money\]\.branches\[\d\]\.lowerBound"


def raise_quota_prices(bound: Raw) -> str:
    """Numbers that are none."""
    proven_branch(bound)["multipliers"]["data"] = {"join.training": {"train": {"messages": {"ch-1": float("nan")}}}}
    return r"bound\.json"


def raise_branch_bound(bound: Raw) -> str:
    """A branch claims more than its multipliers prove."""
    proven_branch(bound)["lowerBound"] *= 1.001
    return r"bound\.json objectives\[money\]\.branches\[\d\]\.lowerBound"


def raise_objective_bound(bound: Raw) -> str:
    """An objective claims another bound than the plan."""
    bound["objectives"][0]["lowerBound"] *= 1.001
    return r"bound\.json objectives\[money\]\.lowerBound"


def drop_branch(bound: Raw) -> str:
    """Some choices of releases are left out."""
    branches = bound["objectives"][0]["branches"]
    branches.remove(next(each for each in branches if each.get("infeasible")))
    return r"bound\.json objectives\[money\]\.branches"


def claim_infeasible(bound: Raw) -> str:
    """A branch is said to have no plan."""
    branch = proven_branch(bound)
    branch["infeasible"] = True
    return r"bound\.json objectives\[money\]\.branches\[\d\]\.infeasible"


def forget_option(bound: Raw) -> str:
    """A branch says nothing of a release that could be inserted."""
    proven_branch(bound)["inserted"] = []
    return r"bound\.json objectives\[money\]\.branches\[\d\]"


def add_budget(bound: Raw) -> str:
    """A limit that no earlier objective set."""
    bound["objectives"][0]["budgets"] = [{"objective": "bytes", "limit": 0}]
    return r"bound\.json objectives\[money\]\.budgets"


def drop_objective(bound: Raw) -> str:
    """Nothing is said of an objective."""
    bound["objectives"] = []
    return r"bound\.json objectives"


def change_bound_pipeline(bound: Raw) -> str:
    """The proof is one of another pipeline."""
    bound["pipeline"]["digest"] = "0" * 64
    return r"bound\.json pipeline"


def retype_bound(bound: Raw) -> str:
    """What should be a list is none."""
    bound["objectives"][0]["branches"] = 3
    return r"bound\.json"


BOUND_CHANGES: list[Change] = [
    drop_multipliers,
    raise_messages,
    raise_quota_prices,
    raise_branch_bound,
    raise_objective_bound,
    drop_branch,
    claim_infeasible,
    forget_option,
    add_budget,
    drop_objective,
    change_bound_pipeline,
    retype_bound,
]


@pytest.mark.parametrize("change", BOUND_CHANGES, ids=lambda change: change.__name__)
def test_a_change_of_the_proof_is_found(change: Change) -> None:
    """The finding names the place."""
    made = example()
    assert json.loads(made.files["plan.json"])["cost"][0]["certified"]
    bound = json.loads(made.files["bound.json"])
    place = change(bound)
    findings = made.findings(bound=json.dumps(bound))
    assert any(re.match(place, finding.where) for finding in findings), findings


def test_a_proof_that_is_not_there_is_missed() -> None:
    """Neither is one that is no JSON."""
    made = example()
    without = {name: text for name, text in made.files.items() if name != "bound.json"}
    assert [finding.where for finding in check(without, made.inputs)] == ["bound.json"]
    assert [finding.where for finding in made.findings(bound="{")] == ["bound.json"]


def executor(spec: Raw, name: str) -> Raw:
    """What a task of a group runs."""
    component = spec["components"][spec["root"]["dag"]["tasks"][name]["componentRef"]["name"]]
    found: Raw = spec["deploymentSpec"]["executors"][component["executorLabel"]]
    return found


def inputs_of(spec: Raw, name: str, kind: str) -> Raw:
    """The bindings of a task of a group."""
    found: Raw = spec["root"]["dag"]["tasks"][name]["inputs"][kind]
    return found


def container(field: str, value: object) -> Callable[[Raw], str]:
    """A field of a container is changed."""

    def change(spec: Raw) -> str:
        executor(spec, "train")["container"][field] = value
        return rf"train container\.{field}"

    change.__name__ = f"container {field}"
    return change


def feed_by_another(spec: Raw) -> str:
    """An artifact input reads another task's output."""
    binding = next(iter(inputs_of(spec, "train", "artifacts").values()))
    binding["taskOutputArtifact"] = {"producerTask": "choose", "outputArtifactKey": "metrics"}
    return r"train\.inputs"


def feed_by_a_constant(spec: Raw) -> str:
    """A parameter is another constant than it was."""
    inputs_of(spec, "count-delays", "parameters")["folder"] = {"runtimeValue": {"constant": "elsewhere"}}
    return r"count-delays\.inputs\.folder"


def feed_nothing(spec: Raw) -> str:
    """An input is left out."""
    del inputs_of(spec, "train", "artifacts")["training"]
    return r"train\.inputs\.training"


def rename_in_file(spec: Raw) -> str:
    """A task has another name."""
    tasks = spec["root"]["dag"]["tasks"]
    tasks["other"] = tasks.pop("train")
    return r"root\.dag\.tasks"


def cache_otherwise(spec: Raw) -> str:
    """A task is cached where it was not, or the other way round."""
    spec["root"]["dag"]["tasks"]["train"]["cachingOptions"] = {"enableCache": "maybe"}
    return r"train\.cachingOptions"


def forget_order(spec: Raw) -> str:
    """Nothing says what comes before."""
    for each in spec["root"]["dag"]["tasks"].values():
        each.pop("dependentTasks", None)
    return r".*\.dependentTasks"


def import_otherwise(spec: Raw) -> str:
    """An artifact is imported as one of another type."""
    name = next(name for name in spec["root"]["dag"]["tasks"] if name.startswith("import-summarise"))
    executor(spec, name)["importer"]["typeSchema"] = {"schemaTitle": "system.Model"}
    return r"import-summarise.* typeSchema"


def import_from_nowhere(spec: Raw) -> str:
    """An artifact's URI is not the pipeline's parameter."""
    name = next(name for name in spec["root"]["dag"]["tasks"] if name.startswith("import-summarise"))
    inputs_of(spec, name, "parameters")["uri"] = {"runtimeValue": {"constant": "s3://elsewhere"}}
    return r""


def export_otherwise(spec: Raw) -> str:
    """Another artifact is given out."""
    selectors = spec["root"]["dag"]["outputs"]["artifacts"]
    next(iter(selectors.values()))["artifactSelectors"][0]["outputArtifactKey"] = "other"
    return r""


def release_otherwise(spec: Raw) -> str:
    """Another container releases."""
    name = next(name for name in spec["root"]["dag"]["tasks"] if name.startswith("release-"))
    executor(spec, name)["container"]["image"] = "evil:latest"
    return r"release-.* container"


def is_old(spec: Raw) -> str:
    """The schema is another."""
    spec["schemaVersion"] = "2.0.0"
    return "schemaVersion"


FILE_CHANGES: list[tuple[str, Callable[[Raw], str]]] = [
    *(
        ("train", container(field, value))
        for field, value in (
            ("image", "evil:latest"),
            ("command", ["true"]),
            ("args", []),
            ("env", [{"name": "PATH", "value": "/"}]),
            ("resources", {"cpuLimit": 64}),
        )
    ),
    ("train", feed_by_another),
    ("count-delays", feed_by_a_constant),
    ("train", feed_nothing),
    ("train", rename_in_file),
    ("train", cache_otherwise),
    ("train", forget_order),
    ("join", import_otherwise),
    ("join", import_from_nowhere),
    ("summarise-weather", export_otherwise),
    ("count-delays", release_otherwise),
    ("train", is_old),
]


@pytest.mark.parametrize(("name", "change"), FILE_CHANGES, ids=lambda each: getattr(each, "__name__", each))
def test_a_change_of_a_groups_file_is_found(name: str, change: Callable[[Raw], str]) -> None:
    """The finding names the file or the group, and the task where it is one's."""
    made = example()
    file = file_of(made.files, name)
    documents = list(yaml.safe_load_all(made.files[file]))
    place = change(documents[0])
    findings = check({**made.files, file: yaml.safe_dump_all(documents)}, made.inputs)
    group_id = re.escape(file[7:-5])
    anywhere = rf"({re.escape(file)} {place}|groups\[{group_id}\])"
    assert any(re.match(anywhere, finding.where) for finding in findings), findings


def test_labels_that_are_lost_are_found() -> None:
    """So is what else the platform document says of a container."""
    made = example()
    file = file_of(made.files, "join")
    documents = list(yaml.safe_load_all(made.files[file]))
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    executors["exec-join"]["podMetadata"]["labels"] = {}
    findings = check({**made.files, file: yaml.safe_dump_all(documents)}, made.inputs)
    assert {finding.where for finding in findings} == {f"{file} join labels", f"{file} join moorage.dev/purpose"}


@pytest.mark.parametrize("text", ["]", "[]", "a: 1", "", "root: {dag: 3}", "a: &a [*a]", "components: []"])
def test_a_file_that_is_no_pipeline_is_found(text: str) -> None:
    """Never a traceback."""
    made = example()
    file = file_of(made.files, "train")
    assert file in {finding.where.partition(" ")[0] for finding in check({**made.files, file: text}, made.inputs)}


def file_of(files: Mapping[str, str], task_name: str) -> str:
    """The file of the group that a task is in."""
    return f"groups/{task(json.loads(files['plan.json']), task_name)['group']}.yaml"


def test_files_too_many_or_too_few_are_found() -> None:
    """A group without a file; a file without a group; an explanation beside a plan."""
    made = example()
    file = file_of(made.files, "train")
    less = {name: text for name, text in made.files.items() if name != file}
    assert any(file in finding.problem for finding in check(less, made.inputs))
    more = {**made.files, "groups/other.yaml": "a: 1", "infeasible.json": "{}"}
    assert {finding.where for finding in check(more, made.inputs)} == {"groups/other.yaml", "infeasible.json"}
