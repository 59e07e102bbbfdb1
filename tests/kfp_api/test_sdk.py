"""The SDK's own client, unmodified, against the server: each of its methods that makes a call."""

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import kfp_server_api
import pytest
from kfp import Client

from tests.kfp_api import compiled
from tests.kfp_api.servers import PlayedHub, Server

pytestmark = [
    pytest.mark.filterwarnings("ignore:This client only works:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the SDK leaves its connections to the garbage collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def client(server: Server, token: str) -> Client:
    """As a person makes it."""
    return server.client(token)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A compiled pipeline."""
    path = tmp_path / "counting.yaml"
    path.write_text(compiled.text())
    return path


def some_name(what: str) -> str:
    """One that no other test takes."""
    return f"{what} {uuid.uuid4().hex[:8]}"


def stretched(server: Server, run_id: str) -> dict[str, Any]:
    """The object that a run is."""
    return server.world.get("stretchedpipeline", run_id, server.world.reader)


def test_health(client: Client) -> None:
    """It says that namespaces need not be named."""
    assert client.get_kfp_healthz().multi_user is False


def test_experiments(client: Client) -> None:
    """Create twice is one; get by id and name, list, archive, unarchive, delete."""
    name = some_name("exp")
    made = client.create_experiment(name, description="what for")
    assert client.create_experiment(name).experiment_id == made.experiment_id
    assert (made.display_name, made.description, made.storage_state) == (name, "what for", "AVAILABLE")
    assert client.get_experiment(experiment_id=made.experiment_id).created_at == made.created_at
    assert client.get_experiment(experiment_name=name).experiment_id == made.experiment_id
    client.archive_experiment(made.experiment_id)
    assert client.get_experiment(made.experiment_id).storage_state == "ARCHIVED"
    client.unarchive_experiment(made.experiment_id)
    assert client.get_experiment(made.experiment_id).storage_state == "AVAILABLE"
    listed = client.list_experiments(page_size=200, sort_by="created_at desc").experiments
    assert made.experiment_id in [each.experiment_id for each in listed]
    client.delete_experiment(made.experiment_id)
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.get_experiment(made.experiment_id)
    assert caught.value.status == 404
    told = json.loads(caught.value.body)
    assert (told["code"], told["message"]) == (5, told["error"])
    with pytest.raises(ValueError, match="No experiment is found with name"):
        client.get_experiment(experiment_name=name)


def test_pipelines_and_versions(client: Client, package: Path) -> None:
    """Uploads of both, get, get by name, list, delete; a pipeline with versions stays."""
    name = some_name("pipe")
    made = client.upload_pipeline(str(package), pipeline_name=name, description="counts")
    assert (made.display_name, made.description) == (name, "counts")
    assert client.get_pipeline_id(name) == made.pipeline_id
    assert client.get_pipeline(made.pipeline_id).name == name
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.upload_pipeline(str(package), pipeline_name=name)
    assert caught.value.status == 409
    second = client.upload_pipeline_version(str(package), "v 2", pipeline_name=name, description="better")
    assert second.pipeline_id == made.pipeline_id
    listed = client.list_pipeline_versions(made.pipeline_id)
    assert {each.display_name for each in listed.pipeline_versions} == {name, "v 2"}  # perhaps made in one second
    whole = client.get_pipeline_version(made.pipeline_id, second.pipeline_version_id)
    assert whole.pipeline_spec == compiled.spec()
    assert made.pipeline_id in [each.pipeline_id for each in client.list_pipelines(page_size=200).pipelines]
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.delete_pipeline(made.pipeline_id)
    assert "has 2 versions" in json.loads(caught.value.body)["message"]
    for version in listed.pipeline_versions:
        client.delete_pipeline_version(made.pipeline_id, version.pipeline_version_id)
    client.delete_pipeline(made.pipeline_id)
    assert client.get_pipeline_id(name) is None


def test_uploads_from_functions(client: Client) -> None:
    """The SDK compiles, we keep."""
    name = some_name("func")
    made = client.upload_pipeline_from_pipeline_func(compiled.counting, pipeline_name=name)
    version = client.upload_pipeline_version_from_pipeline_func(
        compiled.counting, pipeline_version_name="second", pipeline_id=made.pipeline_id
    )
    assert client.get_pipeline_version(made.pipeline_id, version.pipeline_version_id).display_name == "second"


def test_a_run_from_a_function_to_its_end(server: Server, client: Client) -> None:
    """It becomes a StretchedPipeline that owns its pipeline; the client waits for it, and sees each task."""
    with PlayedHub(server.world):
        result = client.create_run_from_pipeline_func(
            compiled.counting, arguments={"start": 5}, experiment_name="Default", enable_caching=False
        )
        ended = result.wait_for_run_completion(timeout=60)
    assert ended.state == "SUCCEEDED"
    assert ended.error is None
    assert [each.state for each in ended.state_history] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert {(each.display_name, each.state) for each in ended.run_details.task_details} == {
        ("count", "SUCCEEDED"),
        ("count-2", "SUCCEEDED"),
    }
    assert ended.runtime_config.parameters == {"start": 5}
    assert ended.pipeline_spec["platform_spec"] == compiled.documents()[1]
    raw = stretched(server, result.run_id)
    told = raw["status"]["groups"][0]["completionTime"]
    assert ended.finished_at == datetime.fromisoformat(told)
    assert raw["spec"]["parameters"] == {"start": 5}
    assert raw["spec"]["objective"] == "carbon"  # a line of the pipeline's description
    config_map = server.world.get("configmap", raw["spec"]["pipeline"]["configMapRef"]["name"], server.world.reader)
    assert [owner["uid"] for owner in config_map["metadata"]["ownerReferences"]] == [raw["metadata"]["uid"]]
    assert raw["metadata"]["annotations"]["moorage.dev/created-by"].endswith(":scientist")


def test_a_run_of_a_package(server: Server, client: Client, package: Path) -> None:
    """With a service account of its own."""
    result = client.create_run_from_pipeline_package(str(package), run_name="packed", service_account="trainer")
    assert client.get_run(result.run_id).service_account == "trainer"
    raw = stretched(server, result.run_id)
    assert raw["spec"]["serviceAccountName"] == "trainer"


def test_a_run_of_a_version(server: Server, client: Client, package: Path) -> None:
    """It refers to the version's ConfigMap, which stays until the run has ended."""
    pipeline = client.upload_pipeline(str(package), pipeline_name=some_name("ref"))
    (version,) = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    experiment = client.create_experiment(some_name("refs"))
    run = client.run_pipeline(
        experiment.experiment_id,
        "by reference",
        params={"start": 7},
        pipeline_id=pipeline.pipeline_id,
        version_id=version.pipeline_version_id,
    )
    assert run.pipeline_version_reference.pipeline_version_id == version.pipeline_version_id
    name = stretched(server, run.run_id)["spec"]["pipeline"]["configMapRef"]["name"]
    assert server.world.get("configmap", name, server.world.reader)["metadata"]["uid"] == version.pipeline_version_id
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.delete_pipeline_version(pipeline.pipeline_id, version.pipeline_version_id)
    assert run.run_id in json.loads(caught.value.body)["message"]
    assert client.get_experiment(experiment.experiment_id).last_run_created_at == run.created_at


def test_lists_of_runs(client: Client, package: Path) -> None:
    """By experiment, in pages, sorted and filtered as the SDK writes it."""
    experiment = client.create_experiment(some_name("many"))
    made = [
        client.run_pipeline(experiment.experiment_id, f"run {n}", pipeline_package_path=str(package)) for n in range(5)
    ]
    seen: list[str] = []
    token = ""
    while True:
        page = client.list_runs(
            page_token=token, page_size=2, sort_by="display_name desc", experiment_id=experiment.experiment_id
        )
        assert page.total_size == 5
        seen += [run.display_name for run in page.runs]
        token = page.next_page_token
        if not token:
            break
    assert seen == [f"run {n}" for n in (4, 3, 2, 1, 0)]
    wanted = {"predicates": [{"operation": 1, "key": "display_name", "stringValue": "run 3"}]}
    found = client.list_runs(experiment_id=experiment.experiment_id, filter=json.dumps(wanted))
    assert [run.run_id for run in found.runs] == [made[3].run_id]
    assert client.list_runs(namespace=None, page_size=1).total_size >= 5


def test_the_life_of_a_run(server: Server, client: Client, package: Path) -> None:
    """Archive, unarchive, terminate, delete; an ended run can't be terminated."""
    experiment = client.create_experiment(some_name("life"))
    run = client.run_pipeline(experiment.experiment_id, "short", pipeline_package_path=str(package))
    client.archive_run(run.run_id)
    assert client.get_run(run.run_id).storage_state == "ARCHIVED"
    client.unarchive_run(run.run_id)
    assert client.get_run(run.run_id).storage_state == "AVAILABLE"
    client.terminate_run(run.run_id)
    assert client.get_run(run.run_id).state == "CANCELING"
    assert stretched(server, run.run_id)["spec"]["cancel"] is True
    with PlayedHub(server.world):
        # As in Kubeflow Pipelines: a client that waits must come back.
        ended = client.wait_for_run_completion(run.run_id, timeout=60)
    assert (ended.state, ended.state_history[-1].state) == ("FAILED", "CANCELED")
    assert "cancelled" in ended.error.message
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.terminate_run(run.run_id)
    assert caught.value.status == 400
    client.delete_run(run.run_id)
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.get_run(run.run_id)
    assert caught.value.status == 404


def test_an_archived_experiment_takes_its_runs_along(client: Client, package: Path) -> None:
    """And gives none back, as the backend does it; it takes no new ones."""
    experiment = client.create_experiment(some_name("old"))
    run = client.run_pipeline(experiment.experiment_id, "old", pipeline_package_path=str(package))
    client.archive_experiment(experiment.experiment_id)
    assert client.get_run(run.run_id).storage_state == "ARCHIVED"
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.run_pipeline(experiment.experiment_id, "late", pipeline_package_path=str(package))
    assert "is archived" in json.loads(caught.value.body)["message"]
    client.unarchive_experiment(experiment.experiment_id)
    assert client.get_run(run.run_id).storage_state == "ARCHIVED"
    client.unarchive_run(run.run_id)
    assert client.get_run(run.run_id).storage_state == "AVAILABLE"


def test_a_failed_run_is_retried_once(server: Server, client: Client, package: Path) -> None:
    """Its error is the hub's sentence; retrying raises the count."""
    experiment = client.create_experiment(some_name("retry"))
    run = client.run_pipeline(experiment.experiment_id, "fails", pipeline_package_path=str(package))
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.runs.run_service_retry_run(run.run_id)
    assert "has not failed" in json.loads(caught.value.body)["message"]
    message = "task count: dataset steward/claims may not be read at us-1"
    server.world.set_status(
        "stretchedpipeline", run.run_id, {"phase": "Failed", "message": message}, server.world.reader
    )
    ended = client.wait_for_run_completion(run.run_id, timeout=30, sleep_duration=1)
    assert (ended.state, ended.error.message) == ("FAILED", message)
    client.runs.run_service_retry_run(run.run_id)
    assert stretched(server, run.run_id)["spec"]["retries"] == 1


def schedules(server: Server, experiment_id: str) -> list[dict[str, Any]]:
    """The PipelineSchedules of an experiment's recurring runs."""
    found = json.loads(server.world.kubectl("get", "pipelineschedules", "-n", server.world.reader, "-o", "json"))
    label = "moorage.dev/kfp-experiment"
    return [raw for raw in found["items"] if raw["spec"]["template"]["metadata"]["labels"][label] == experiment_id]


def test_recurring_runs(client: Client, server: Server, package: Path) -> None:
    """Cron of an uploaded version, an interval of a package; get, list, disable, enable, delete."""
    experiment = client.create_experiment(some_name("again"))
    version = client.upload_pipeline(str(package), pipeline_name=some_name("again"))
    versions = client.list_pipeline_versions(version.pipeline_id).pipeline_versions
    nightly = client.create_recurring_run(
        experiment.experiment_id,
        "nightly",
        description="every night",
        cron_expression="0 0 3 ? * MON-FRI",
        start_time="2026-12-01T00:00:00Z",
        end_time="2027-12-01T00:00:00Z",
        max_concurrency=2,
        no_catchup=True,
        params={"start": 5},
        version_id=versions[0].pipeline_version_id,
        pipeline_id=version.pipeline_id,
        service_account="trainer",
    )
    often = client.create_recurring_run(
        experiment.experiment_id, "often", interval_second=60, pipeline_package_path=str(package), enabled=False
    )
    assert (nightly.status, often.status, nightly.mode, often.mode) == ("ENABLED", "DISABLED", "ENABLE", "DISABLE")
    by_cron, by_interval = schedules(server, experiment.experiment_id)
    if "everySeconds" in by_cron["spec"]:
        by_cron, by_interval = by_interval, by_cron
    spec = by_cron["spec"]
    assert (spec["schedule"], spec["startTime"]) == ("0 0 3 * * MON-FRI", "2026-12-01T00:00:00Z")
    assert (spec["maxActiveRuns"], spec["catchUp"], "suspend" in spec) == (2, 0, False)
    assert spec["template"]["spec"]["parameters"] == {"start": 5}
    assert spec["template"]["spec"]["serviceAccountName"] == "trainer"
    # Where the pipeline says how it wants to be placed, its recurring runs are placed so.
    assert spec["template"]["spec"]["objective"] == "carbon"
    assert (by_interval["spec"]["everySeconds"], by_interval["spec"]["suspend"]) == (60, True)
    assert by_interval["spec"]["catchUp"] == 100
    assert "inline" in by_interval["spec"]["template"]["spec"]["pipeline"]

    found = client.get_recurring_run(nightly.recurring_run_id)
    assert (found.display_name, found.description, found.max_concurrency) == ("nightly", "every night", "2")
    assert found.trigger.cron_schedule.cron == "0 0 3 * * MON-FRI"
    assert (found.no_catchup, found.runtime_config.parameters) == (True, {"start": 5})
    listed = client.list_recurring_runs(experiment_id=experiment.experiment_id, sort_by="display_name")
    assert [each.display_name for each in listed.recurring_runs] == ["nightly", "often"]
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.delete_pipeline_version(version.pipeline_id, versions[0].pipeline_version_id)
    assert "recurring" in json.loads(caught.value.body)["message"]

    client.disable_recurring_run(nightly.recurring_run_id)
    client.enable_recurring_run(often.recurring_run_id)
    assert client.get_recurring_run(nightly.recurring_run_id).status == "DISABLED"
    assert client.get_recurring_run(often.recurring_run_id).status == "ENABLED"
    for each in (nightly, often):
        client.delete_recurring_run(each.recurring_run_id)
        with pytest.raises(kfp_server_api.ApiException) as caught:
            client.get_recurring_run(each.recurring_run_id)
        assert caught.value.status == 404
    assert client.list_recurring_runs(experiment_id=experiment.experiment_id).recurring_runs is None
    assert schedules(server, experiment.experiment_id) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"cron_expression": "0 25 * * *"}, "trigger.cron_schedule.cron"),
        ({"cron_expression": "often"}, "five fields"),
        ({"interval_second": 0.5}, "interval_second"),
        ({"interval_second": 60, "max_concurrency": 1000}, "max_concurrency"),
        ({"interval_second": 60, "start_time": "soon"}, "start_time"),
        ({"interval_second": 60, "params": {"stop": 1}}, "no such input"),
        ({"interval_second": 60, "params": {"note": "[[ScheduledTime]]"}}, "placeholders"),
    ],
)
def test_what_can_not_recur_is_named(client: Client, package: Path, asked: dict[str, Any], told: str) -> None:
    """Before anything is made."""
    experiment = client.create_experiment("Default")
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.create_recurring_run(experiment.experiment_id, "wrong", pipeline_package_path=str(package), **asked)
    assert caught.value.status == 400
    assert told in json.loads(caught.value.body)["message"]


def test_wrong_parameters_are_named(client: Client, package: Path) -> None:
    """Unknown ones and those of another type, before anything is made."""
    experiment = client.create_experiment(some_name("wrong"))
    for parameters, told in (({"stop": 1}, "no such input; it has note, start"), ({"start": "x"}, "a whole number")):
        with pytest.raises(kfp_server_api.ApiException) as caught:
            client.run_pipeline(experiment.experiment_id, "x", str(package), parameters)
        assert caught.value.status == 400
        assert told in json.loads(caught.value.body)["message"]
    assert client.list_runs(experiment_id=experiment.experiment_id).total_size is None
