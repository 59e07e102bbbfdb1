"""What is decided purely: placement, states, parameters, packages, what objects say."""

import base64
import contextlib
import gzip
import random
import subprocess
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfp_api import objects
from kfp_api.__main__ import check
from kfp_api.answers import RequestError
from kfp_api.compiling import Compiled, Refused, compile_package, compile_spec
from kfp_api.identity import caller_in
from kfp_api.parameters import check_parameters
from kfp_api.placement import KEYS, Layer, settings_in, settle
from kfp_api.records import Experiment, Pipeline, Version
from kfp_api.rendering import run_body, whole_run_body
from kfp_api.settings import KfpApiSettings
from kfp_api.specs import read_spec, with_pipeline
from kfp_api.states import State, progress_of, task_state
from moorage.errors import SettingError
from moorage.runs import PipelineSource, RunPhase, RunRef, StretchedPipeline, TaskPhase
from moorage.serving.token_reviews import UnknownCallerError
from pipeline_splitter.documents import parse
from pipeline_splitter.kfp.spec import read_spec as read_documents
from tests.kfp_api import compiled

ASKED = StretchedPipeline(RunRef("lab", "r", ""), PipelineSource(config_map="c"))


# --- placement ---


def test_later_layers_win_key_by_key() -> None:
    """The run over the experiment over the version over the pipeline over the namespace."""
    layers = [
        Layer("Namespace lab", {"moorage.dev/objective": "money", "moorage.dev/approval": "manual"}),
        Layer("the pipeline", {"moorage.dev/objective": "time", "moorage.dev/tolerance": "0.05"}),
        Layer("experiment green", {"moorage.dev/objective": "carbon, money"}),
        Layer("the run", {"moorage.dev/service-account": "trainer"}),
    ]
    run = settle(ASKED, layers)
    assert (run.objective, run.approval, run.tolerance, run.service_account) == ("carbon,money", True, 0.05, "trainer")
    assert settle(ASKED, []) == ASKED


def test_hints_merge_field_by_field() -> None:
    """As several files of hints do."""
    layers = [
        Layer("a", {"moorage.dev/hints": "tasks: {train: {seconds: 5, cpu: 2}}\ndefaults: {purpose: research}"}),
        Layer("b", {"moorage.dev/hints": '{"tasks": {"train": {"seconds": 7}, "x": {"cpu": 1}}}'}),
    ]
    assert settle(ASKED, layers).hints == {
        "tasks": {"train": {"seconds": 7, "cpu": 2}, "x": {"cpu": 1}},
        "defaults": {"purpose": "research"},
    }


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("objective", "speed", "bytes, money, carbon, time"),
        ("objective", "money,money", "write one of"),
        ("approval", "yes", "manual or automatic"),
        ("tolerance", "-1", "write a number"),
        ("time-limit-seconds", "1e9", "write a number"),
        ("service-account", "A B", "name of an object"),
        ("hints", "{", "mend it"),
        ("hints", "x" * 16_385, "hints-config-map"),
        ("objective", "x" * 254, "at most 253 characters"),
        ("hints", "colour: red", "colour"),
        ("hints", "a: 1\n---\nb: 2", "mend it"),
    ],
)
def test_what_can_not_be_used_names_its_place(key: str, value: str, told: str) -> None:
    """Whose annotation it is, which, and what to write."""
    with pytest.raises(RequestError, match=told) as caught:
        settle(ASKED, [Layer("experiment green", settings_in({f"moorage.dev/{key}": value}))])
    assert "experiment green" in str(caught.value)
    assert f"moorage.dev/{key}" in str(caught.value)


def test_settings_stand_in_descriptions_and_annotations() -> None:
    """A line of a description; an annotation wins; what is no setting is none."""
    description = "Trains.\n  moorage.dev/objective: carbon\nmoorage.dev/other: x\nsee moorage.dev/approval: manual"
    assert settings_in({"moorage.dev/tolerance": "0.1", "x": "y"}, description) == {
        "moorage.dev/objective": "carbon",
        "moorage.dev/tolerance": "0.1",
    }
    assert settings_in({"moorage.dev/objective": "time"}, description)["moorage.dev/objective"] == "time"


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=30)), st.text(max_size=100))
def test_no_setting_breaks_the_reader(annotations: dict[str, str], description: str) -> None:
    """It is used or refused."""
    with contextlib.suppress(RequestError):
        settle(ASKED, [Layer("x", settings_in(annotations, description))])


# --- states ---


@pytest.mark.parametrize("phase", RunPhase)
def test_final_phases_are_final_states(phase: RunPhase) -> None:
    """`wait_for_run_completion` returns for exactly the phases that are final."""
    progress = progress_of({"phase": phase.value}, cancel=False)
    assert (progress.state.value.lower() in {"succeeded", "failed", "skipped", "error"}) is phase.is_final
    assert (progress.final is not None) is phase.is_final


@pytest.mark.parametrize("phase", TaskPhase)
def test_every_task_phase_has_a_state(phase: TaskPhase) -> None:
    """None is unknown to clients."""
    assert task_state(phase.value) is not State.UNSPECIFIED


@pytest.mark.parametrize(
    ("status", "cancel", "state"),
    [
        ({}, False, State.PENDING),
        ({}, True, State.CANCELING),
        ({"phase": "AwaitingApproval"}, False, State.PAUSED),
        ({"phase": "Running"}, True, State.CANCELING),
        ({"phase": "Succeeded"}, True, State.SUCCEEDED),
        ({"phase": "Strange"}, False, State.PENDING),
        ({"phase": 7, "groups": "x", "conditions": [1], "message": {}}, False, State.PENDING),
    ],
)
def test_states_of_runs(status: dict[str, Any], state: State, *, cancel: bool) -> None:
    """Also of those whose status somebody wrote by hand."""
    assert progress_of(status, cancel=cancel).state is state


# --- parameters ---

INPUTS = {
    "n": {"parameterType": "NUMBER_INTEGER"},
    "x": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.0},
    "s": {"parameterType": "STRING", "isOptional": True},
    "b": {"parameterType": "BOOLEAN", "defaultValue": False},
    "l": {"parameterType": "LIST", "defaultValue": []},
    "d": {"parameterType": "STRUCT", "defaultValue": {}},
    "old": {"type": "INT", "isOptional": True},
}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "n must be given"),
        ({"n": 1, "m": 2}, "no such input; it has b, d, l, n, old, s, x"),
        ({"n": "1"}, "a whole number"),
        ({"n": 1.5}, "a whole number"),
        ({"n": True}, "a whole number"),
        ({"n": 1, "x": "1"}, "a number"),
        ({"n": 1, "s": 1}, "a text"),
        ({"n": 1, "b": 0}, "true or false"),
        ({"n": 1, "l": {}}, "a list"),
        ({"n": 1, "d": []}, "an object"),
        ({"n": 1, "old": "x"}, "a whole number"),
        ({"n": None}, "a whole number"),
        ({f"p{n}": 1 for n in range(257)}, "at most 256"),
    ],
)
def test_parameters_that_do_not_fit(given: dict[str, Any], told: str) -> None:
    """Each is named, with what is wanted."""
    with pytest.raises(RequestError, match=told):
        check_parameters(given, INPUTS)


def test_parameters_that_fit() -> None:
    """Whole numbers may come as doubles; optional ones may be null."""
    check_parameters({"n": 3.0, "x": 2, "s": None, "b": True, "l": [1], "d": {"a": 1}, "old": 4}, INPUTS)


# --- compiled pipelines ---


def test_a_pipeline_survives_being_kept() -> None:
    """What is read back from the ConfigMap, by us and by the planner, is what was uploaded; odd characters too."""
    documents = compiled.documents()
    documents[0]["components"]["comp-count"]["description"] = "a\x7fb\u2028c\ufeffd\U0001f600e\x85"
    written = orjson.dumps({"pipeline_spec": documents[0], "platform_spec": documents[1]})
    made = compile_spec(written)
    assert isinstance(made, Compiled), made
    raw = with_pipeline(objects.make_config_map("version", "lab", "v", {}), made)
    raw["metadata"] |= {"uid": "u"}
    assert orjson.loads(read_spec(raw).shown) == orjson.loads(written)
    text = gzip.decompress(base64.b64decode(raw["binaryData"]["pipeline.yaml"]))
    assert parse(text, "x") == documents
    assert read_documents(parse(text, "x"), "x").name == "counting"


def test_a_bare_spec_and_an_upload_are_one() -> None:
    """The SDK sends JSON with a run, YAML with an upload."""
    uploaded = compile_package(compiled.text().encode())
    sent = compile_spec(orjson.dumps(compiled.spec()))
    assert isinstance(uploaded, Compiled)
    assert uploaded == sent
    assert uploaded.description.startswith("Counts.")
    bare = compile_spec(orjson.dumps(compiled.documents()[0]))
    assert isinstance(bare, Compiled)
    assert orjson.loads(bare.spec) == compiled.documents()[0]


@pytest.mark.parametrize("content", [b"{}", b"[]", b"1", b'{"pipeline_spec": 3}', b'{"pipeline_spec": null}', b"null"])
def test_what_is_no_spec(content: bytes) -> None:
    """It is refused with a sentence."""
    assert isinstance(compile_spec(content), Refused)


@given(st.binary(max_size=300))
def test_no_package_breaks_the_reader(content: bytes) -> None:
    """Whatever it begins with."""
    for start in (b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00"):
        assert isinstance(compile_package(start + content), Compiled | Refused)


# --- objects ---


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_statuses_of_any_shape_are_read(status: Any) -> None:  # noqa: ANN401
    """The API server lets unknown fields through; a run with them is shown all the same."""
    raw = {
        "metadata": {"name": "r", "namespace": "lab", "uid": "u", "creationTimestamp": "2026-11-29T12:00:00Z"},
        "spec": {"pipeline": {"inline": "x"}},
        "status": status if isinstance(status, dict) else {"phase": status, "tasks": status, "groups": status},
    }
    run = objects.read_run(raw)
    assert run.details is not None
    details = objects.unpack(run.details)
    orjson.dumps(whole_run_body(run, details, None, archived=False))
    orjson.dumps(run_body(run, archived=True))


def test_large_details_are_not_kept_for_each_run() -> None:
    """Parameters that can't be compressed are asked for when somebody wants them."""
    raw: dict[str, Any] = {"spec": {"parameters": {"x": "y" * 50_000}}, "status": {}}
    packed = objects.pack(raw)
    assert packed is not None
    assert objects.unpack(packed) == objects.details_of(raw)
    noise = "".join(random.Random(2).choices("abcdefghijklmnop0123456789", k=50_000))  # noqa: S311
    assert objects.pack({"spec": {"parameters": {"x": noise}}}) is None


def test_kinds_of_config_maps() -> None:
    """By their label; another one is none of ours."""
    metadata = {"name": "n", "namespace": "lab", "uid": "u", "resourceVersion": "7", "creationTimestamp": "t"}

    def read(kind: str) -> object:
        return objects.read_config_map({"metadata": metadata | {"labels": {"moorage.dev/kfp": kind}}})

    assert isinstance(read("experiment"), Experiment)
    assert isinstance(read("pipeline"), Pipeline)
    assert isinstance(read("version"), Version)
    assert read("run") is None
    assert read("") is None


def test_a_name_is_one_object() -> None:
    """Different names never share one, and parts can't run together."""
    names = [objects.unique_name("version", *parts) for parts in (("a", "b"), ("ab", ""), ("a", "b\0"), ("", "ab"))]
    assert len(set(names)) == len(names)


# --- who asks ---


@pytest.mark.parametrize(
    ("status", "audience", "known"),
    [
        ({}, "", False),
        ({"authenticated": True}, "", False),
        ({"authenticated": True, "user": {"username": ""}}, "", False),
        ({"authenticated": False, "user": {"username": "x"}}, "", False),
        ({"authenticated": True, "user": {"username": "x"}}, "", True),
        ({"authenticated": True, "user": {"username": "x"}}, "kfp", False),
        ({"authenticated": True, "user": {"username": "x"}, "audiences": ["other"]}, "kfp", False),
        ({"authenticated": True, "user": {"username": "x"}, "audiences": ["kfp"]}, "kfp", True),
    ],
)
def test_who_is_known(status: dict[str, Any], audience: str, *, known: bool) -> None:
    """Only whom the API server vouches for, and a token that is meant for us."""
    if known:
        assert caller_in(status, audience).name == "x"
    else:
        with pytest.raises(UnknownCallerError):
            caller_in(status, audience)


def test_groups_are_part_of_who_one_is() -> None:
    """Rights that are remembered for one set of groups are not given to another."""
    users = [{"username": "x", "groups": groups} for groups in (["a"], ["b"], [])]
    callers = [caller_in({"authenticated": True, "user": user}, "") for user in users]
    assert len({caller.key for caller in callers}) == 3


@pytest.mark.parametrize("off", ["tls", "authentication"])
@pytest.mark.parametrize(("host", "fine"), [(None, False), ("0.0.0.0", False), ("127.0.0.1", True), ("::1", True)])  # noqa: S104
def test_only_ones_own_machine_is_served_without_protection(off: str, host: str | None, *, fine: bool) -> None:
    """Whoever turns it off can't open the server to others by mistake."""
    changes: dict[str, Any] = {off: False}
    settings = KfpApiSettings(listen_host=host, **changes)
    if fine:
        check(settings)
    else:
        with pytest.raises(SettingError, match=f"MOORAGE_{off.upper()}"):
            check(settings)


# --- the image ---


def test_the_server_carries_little() -> None:
    """Its image has the core's wheels only: no solver, no kfp, no client for notebooks."""
    program = (
        "import sys, pkgutil, importlib, kfp_api\n"
        "for module in pkgutil.iter_modules(kfp_api.__path__):\n"
        "    if module.name != '__main__': importlib.import_module('kfp_api.' + module.name)\n"
        "print([name for name in ('networkx','numpy','numba','scipy','ortools','kfp','kubernetes','boto3','click') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
