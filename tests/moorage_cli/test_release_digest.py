"""`moorage release digest`: what it prints, a Dataset may declare, and the planner then finds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage.wire import read_dataset
from moorage_cli.main import moorage
from moorage_cli.running import run
from pipeline_splitter.documents import container_digest, parse
from tests.pipeline_splitter.shared_data import each, pipelines

Told = tuple[int, str, str]
Command = Callable[..., Told]

COMMAND = ["sh", "-c", 'set -e; printf "%s\\n" "$0" \u00e9\n  # a comment that is long: ' + "x" * 200]


def make_pipeline(**artifacts: str) -> dict[str, Any]:
    """A pipeline of one task with a container, and its input and output artifacts."""
    kinds = {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
    component = {
        "executorLabel": "exec-hide",
        "inputDefinitions": {"artifacts": {artifacts["input"]: kinds}},
        "outputDefinitions": {"artifacts": {artifacts["output"]: kinds}},
    }
    importer = {
        "executorLabel": "exec-importer",
        "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
        "outputDefinitions": {"artifacts": {"artifact": kinds}},
    }
    imported = {"taskOutputArtifact": {"producerTask": "importer", "outputArtifactKey": "artifact"}}
    return {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
        "components": {"comp-hide": component, "comp-importer": importer},
        "deploymentSpec": {
            "executors": {
                "exec-hide": {"container": {"image": "img:1", "command": COMMAND, "args": ["--in", "{{$}}"]}},
                "exec-importer": {
                    "importer": {"artifactUri": {"constant": "s3://b/x"}, "typeSchema": kinds["artifactType"]}
                },
            }
        },
        "root": {
            "dag": {
                "tasks": {
                    "hide": {
                        "taskInfo": {"name": "hide"},
                        "componentRef": {"name": "comp-hide"},
                        "dependentTasks": ["importer"],
                        "inputs": {"artifacts": {artifacts["input"]: imported}},
                    },
                    "importer": {
                        "taskInfo": {"name": "importer"},
                        "componentRef": {"name": "comp-importer"},
                        "inputs": {"parameters": {"uri": {"runtimeValue": {"constant": "s3://b/x"}}}},
                    },
                }
            }
        },
    }


@pytest.fixture
def digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`moorage release digest` of a text: exit code, stdout and stderr."""

    def command(text: str, *words: str) -> Told:
        path = tmp_path / "pipeline.yaml"
        path.write_text(text)
        capsys.readouterr()
        code = run(moorage, "moorage", ["release", "digest", str(path), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


RELEASE = make_pipeline(input="data", output="released")
FORMS = {
    "YAML": yaml.safe_dump(RELEASE),
    "YAML with a platform document": yaml.safe_dump_all(
        [RELEASE, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-hide": {}}}}}}]
    ),
    "JSON": json.dumps(RELEASE),
    "wrapped JSON": json.dumps({"pipelineSpec": RELEASE, "runtimeConfig": {}}),
}
EXPECTED = container_digest("img:1", COMMAND, ["--in", "{{$}}"])


@pytest.mark.parametrize("form", FORMS)
def test_the_digest_of_a_task(form: str, digest: Command) -> None:
    """First, alone on its line, whatever form the pipeline has."""
    code, out, err = digest(FORMS[form], "hide")
    assert (code, out.splitlines()[0], err) == (0, EXPECTED, "")
    assert digest(FORMS[form], "hide", "-o", "digest") == (0, f"{EXPECTED}\n", "")


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_is_printed_can_be_declared(form: str, digest: Command) -> None:
    """A Dataset with this component is read, and its release has the digest of the task."""
    [snippet] = parse(digest(FORMS["YAML"], "hide", "-o", form)[1], "snippet")
    release = {"name": "hide", **snippet, "yields": {"classification": "public"}}
    source = {"site": "eu-1", "s3": {"endpoint": "https://s3", "bucket": "b"}}
    spec = {"sources": [source], "governance": {"releases": [release]}}
    dataset = read_dataset({"kind": "Dataset", "metadata": {"name": "claims"}, "spec": spec})
    assert dataset.governance.releases[0].component.digest == EXPECTED


def test_a_task_that_is_no_release_is_told(digest: Command) -> None:
    """Its digest is right all the same."""
    code, out, err = digest(json.dumps(make_pipeline(input="data", output="model")), "hide")
    assert (code, out.splitlines()[0]) == (0, EXPECTED)
    assert "one output artifact `released`" in err


@pytest.mark.parametrize(
    ("text", "task", "words"),
    [
        (FORMS["YAML"], "hid", "there are hide"),
        (FORMS["YAML"], "importer", "not a task with a container"),
        (FORMS["YAML"][:200], "hide", "pipeline.yaml"),
        ('{"schemaVersion": "1.5", "workflow": {"specification": {"tasks": []}}}', "a", "have no containers"),
    ],
)
def test_what_has_no_digest(text: str, task: str, words: str, digest: Command) -> None:
    """Exit code 2, with what there is."""
    code, out, err = digest(text, task)
    assert (code, out) == (2, "")
    assert words in err


_TASKS = {
    "branches.yaml": "inner/read",
    "xgboost_sample_pipeline.json": "xgboost-train",
    "artifact_crust.yaml": "mantle/core/core-comp",
}


@each([path for path in pipelines() if path.name in _TASKS])
def test_recorded_pipelines(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tasks at the root and inside of nested pipelines."""
    assert run(moorage, "moorage", ["release", "digest", str(path), _TASKS[path.name]]) == 0
    printed, _, snippet = capsys.readouterr().out.partition("\n")
    component = yaml.safe_load(snippet)["component"]
    assert component.pop("digest") == printed
    assert container_digest(**({"command": [], "args": []} | component)) == printed
