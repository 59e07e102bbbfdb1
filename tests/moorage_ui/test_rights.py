"""Who sees what: people of different rights in front of a real API server and a real store."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from moorage.runs import RunKeys
from tests.dataset_operator.stores import BUCKET
from tests.moorage_ui.hospital import GOVERNED, ROWS, RUN, Hospital, prefix
from tests.moorage_ui.visiting import Visitor

pytestmark = [pytest.mark.plane, pytest.mark.xdist_group("ui")]

Server = Callable[[str], Visitor]


def page_of(hospital: Hospital, task: str = "", **query: str) -> str:
    """The address of the run, or of a task of it."""
    path = f"/runs/{hospital.world.reader}/{RUN}"
    told = "".join(f"&{key}={quote(value, safe='')}" for key, value in query.items())
    return f"{path}/task?task={quote(task, safe='')}&attempt=1{told}" if task else path


@pytest.fixture
def first(hospital: Hospital) -> str:
    """A task that has ended, and whose outputs carry rules."""
    task = next(each for each in hospital.plan.groups[0].tasks if hospital.plan.tasks)
    hospital.write_task(task, b"reading\nrows 2\n", ROWS.encode())
    return task


def test_a_stranger_sees_nothing(server: Server, hospital: Hospital) -> None:
    """Known to the API server, and without a right: no list, no run, no log, no stream."""
    stranger = server("stranger")
    where = f"/runs?namespace={hospital.world.reader}"
    assert RUN not in stranger.get(where).text.replace("kubectl", "")
    for path in (page_of(hospital), page_of(hospital, GOVERNED), f"/live/log/{hospital.world.reader}/{RUN}?task=x"):
        answer = stranger.get(path)
        assert answer.status == 403
        assert hospital.uid not in answer.text


def test_nobody_without_a_token(server: Server, hospital: Hospital) -> None:
    """A browser is led to where one signs in; everybody else gets 401."""
    nobody = server("")
    assert nobody.get(page_of(hospital)).status == 401
    led = nobody.get(page_of(hospital), Accept="text/html")
    assert (led.status, led.headers["Location"]) == (303, "/sign-in")
    liar = Visitor(nobody.url, "not-a-token", nobody.ca)
    assert liar.get(page_of(hospital)).status == 401


def test_who_may_see_runs_sees_the_plan(server: Server, hospital: Hospital) -> None:
    """Its drawing, planned and measured seconds; in the list, too."""
    watcher = server("watcher")
    listed = watcher.get(f"/runs?namespace={hospital.world.reader}").text
    assert RUN in listed
    text = watcher.get(page_of(hospital)).text
    assert '"stocks"' in text
    assert "plan against actual" in text
    assert "42\u00a0s" in text


def test_logs_take_a_right_of_their_own(server: Server, hospital: Hospital, first: str) -> None:
    """Without it no log is read; with it, it is there, and its stream, and the file."""
    where = page_of(hospital, first)
    assert "rows 2" not in server("watcher").get(where).text
    assert "stretchedpipelines/log" in server("watcher").get(where).text
    assert "rows 2" in server("reader").get(where).text
    as_file = where.replace("/task?", "/log?")
    assert server("watcher").get(as_file).status == 403
    loaded = server("reader").get(as_file)
    assert loaded.text == "reading\nrows 2\n"
    assert "attachment" in loaded.headers["Content-Disposition"]
    assert loaded.headers["Content-Type"].startswith("text/plain")


def test_outputs_of_governed_data_take_the_stewards_consent(server: Server, hospital: Hospital) -> None:
    """An editor of the run's namespace sees names and sizes; rows only who has the right at each dataset."""
    hospital.set_phases(len(hospital.plan.groups))
    hospital.write_task(GOVERNED, b"", ROWS.encode())
    where = page_of(hospital, GOVERNED, output="table", place="0")
    for person in ("reader", "editor"):
        text = server(person).get(where).text
        assert "table" in text
        assert "lactate" not in text
        assert "1.7" not in text
    assert "get datasets/contents.moorage.dev admissions in namespace lyon-hcl" in server("editor").get(where).text
    text = server("trusted").get(where).text
    assert "<td" in text
    assert "lactate" in text
    assert "mean_lactate" in text


def test_consent_of_one_steward_is_not_that_of_another(server: Server, hospital: Hospital) -> None:
    """What carries Berlin's rules, too, is not shown to who may see Lyon's."""
    hospital.set_phases(len(hospital.plan.groups))
    hospital.write_task("clean-berlin", b"", ROWS.encode())
    text = server("trusted").get(page_of(hospital, "clean-berlin", output="table")).text
    assert "lactate" not in text
    assert "in namespace charite" in text


def test_a_plan_of_another_digest_shows_nothing(server: Server, hospital: Hospital) -> None:
    """Who can write to a store can't loosen the rules: the status says which plan it is."""
    hospital.set_phases(len(hospital.plan.groups), digest="0" * 64)
    try:
        text = server("trusted").get(page_of(hospital, GOVERNED, output="table")).text
        assert "lactate" not in text
        assert "nobody knows whose rules" in text
    finally:
        hospital.set_phases(2)


@pytest.mark.parametrize("target", ["data/clean-berlin/1/table", "../../other/run/uid/data/x", "plan/plan.json"])
def test_a_record_shows_only_what_the_task_wrote(server: Server, hospital: Hospital, target: str) -> None:
    """A record that claims another task's, another run's or the plan's file as its own gets nothing read."""
    hospital.set_phases(len(hospital.plan.groups))
    hospital.write_task("clean-berlin", b"", b"secret,of\nberlin,1\n")
    root = RunKeys(prefix(), hospital.ref).root
    hospital.write_task(GOVERNED, b"", ROWS.encode(), uri=f"s3://{BUCKET}/{root}{target}")
    try:
        text = server("trusted").get(page_of(hospital, GOVERNED, output="table")).text
        assert "it lies elsewhere" in text
        assert "secret" not in text
    finally:
        hospital.write_task(GOVERNED, b"", ROWS.encode())


def test_a_live_log_grows_and_ends(server: Server, hospital: Hospital) -> None:
    """Its stream tells what the store has from where the page stopped, then that this was all."""
    hospital.set_phases(len(hospital.plan.groups))
    hospital.write_task(GOVERNED, "début\nrows 2\n".encode(), ROWS.encode())
    path = f"/live/log/{hospital.world.reader}/{RUN}?task={GOVERNED}&attempt=1&start=7"
    with server("reader").events(path) as events:
        assert next(events) == ("text", {"text": "rows 2\n", "next": 14})
        assert next(events)[0] == "end"
    assert server("watcher").get(path).status == 403


@pytest.mark.parametrize("person", ["watcher", "getter"])
def test_a_run_is_followed(server: Server, hospital: Hospital, person: str) -> None:
    """A change is told, also to who may get the run and not watch it."""
    version = hospital.world.get("stretchedpipeline", RUN, hospital.world.reader)["metadata"]["resourceVersion"]
    with server(person).events(f"/live/runs/{hospital.world.reader}/{RUN}?version={version}") as events:
        hospital.set_phases(1, message=f"told to {person}")
        assert next(events)[0] == "changed"
    hospital.set_phases(2)


def test_every_answer_has_its_headers(server: Server, hospital: Hospital) -> None:
    """Pages, errors, files and scripts: nothing runs that is not ours, and nothing frames us."""
    watcher = server("watcher")
    for path in ("/runs", page_of(hospital), "/runs/x/y", "/assets/run.js", "/nowhere", "/sign-in"):
        headers = watcher.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
