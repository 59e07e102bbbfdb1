"""The page of a run: plan beside actual, all in markup, nothing of the pipeline in it is markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from moorage.runs import RunRef
from moorage.runs.reports import ReportedTask, ReportedTransfer, RunReport, TaskActual, Totals, TransferActual
from pipeline_splitter.plan import Plan
from pipeline_splitter.report import write_run_report
from pipeline_splitter.report.actual import difference, links, spans
from tests.plan_stories import hospitals, layered

TIGHT = "\u00a0"
EVIL = "<script>alert(1)</script>\"'&"


def ran(plan: Plan, factor: float = 1.5) -> RunReport:
    """A run of a plan in which all took `factor` times what was planned, one after the other in a minute."""
    tasks = []
    for index, task in enumerate(plan.tasks):
        seconds = (task.end - task.start) * factor
        start = f"2026-11-29T12:{index % 60:02d}:00+00:00"
        end = f"2026-11-29T12:{index % 60:02d}:30+00:00"
        actual = TaskActual(seconds, 10, 20, 1 + index % 2, "Failed" if index == 1 else "Succeeded", start, end)
        tasks.append(ReportedTask(task.name, task.site, task.group, task.end - task.start, actual if index else None))
    transfers = tuple(
        ReportedTransfer(
            each.kind.value,
            each.key,
            each.origin,
            each.target,
            each.size_bytes,
            each.seconds,
            TransferActual(int(each.size_bytes), each.seconds * factor),
        )
        for each in plan.transfers
    )
    planned = Totals(plan.costs["bytes"], plan.costs["time"])
    actual_totals = Totals(plan.costs["bytes"], plan.costs["time"] * factor)
    run = RunRef("fraud", "nightly", "uid")
    return RunReport(run, plan.pipeline_name, "d", "Succeeded", "p", 1, tuple(tasks), transfers, planned, actual_totals)


class Elements(HTMLParser):
    """Which elements a page has, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        """Count it."""
        self.tags[tag] = self.tags.get(tag, 0) + 1

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.words.append(data)


def parsed(page: str) -> Elements:
    """The page's elements."""
    found = Elements()
    found.feed(page)
    return found


def test_every_task_and_link_stands_beside_its_plan() -> None:
    """Each task has a row and two bars, one where it did not run; each pair of sites a row."""
    plan, _, _ = hospitals()
    report = ran(plan)
    page = write_run_report(plan, report)
    words = " ".join(parsed(page).words)
    for task in plan.tasks:
        assert (task.title or task.name) in words
    assert page.count('class="planned s') == len(plan.tasks) + 1  # the key has one, too
    assert page.count('class="ran s') == len(plan.tasks) - 1 + 1
    assert page.count('class="ran s0 failed"') + page.count(' failed"') >= 1
    for link in links(report.transfers):
        assert f"{link.origin}</span>" in page
    assert f"+50{TIGHT}%" in words
    assert "did not run" in words


def test_the_same_run_gives_the_same_page() -> None:
    """Byte for byte; and it loads nothing."""
    plan, _, _ = hospitals()
    page = write_run_report(plan, ran(plan))
    assert page == write_run_report(plan, ran(plan))
    assert re.findall(r"https?://[^\s\"'<>)]*", page) == []
    for element in ("<link", "<img", "<iframe", "@import", "url(", " style="):
        assert element not in page


def test_names_are_text() -> None:
    """Whatever authors write, the page has the same elements."""
    plan, _, _ = hospitals()
    report = ran(plan)
    evil = replace(
        report,
        pipeline=EVIL,
        tasks=tuple(replace(task, name=f"{EVIL}{index}", site=EVIL) for index, task in enumerate(report.tasks)),
        transfers=tuple(replace(each, key=EVIL, origin=EVIL) for each in report.transfers),
    )
    assert parsed(write_run_report(plan, evil)).tags["script"] == 1


def test_a_large_run_is_a_page_all_the_same() -> None:
    """What is not shown is told."""
    plan, _, _ = layered(3000, 20)
    page = write_run_report(plan, ran(plan))
    assert "2,000 of 3,000 tasks; run.json has all." in page
    assert len(page) < 4_000_000


def test_a_run_in_which_nothing_ran() -> None:
    """It says so."""
    plan, _, _ = hospitals()
    nothing = replace(ran(plan), tasks=(), transfers=(), phase="Failed", actual=Totals(0, None), planned=Totals(0, 0.0))
    words = " ".join(parsed(write_run_report(plan, nothing)).words)
    assert "Failed." in words
    assert "There was nothing to run." in words


@pytest.mark.parametrize(
    ("actual", "planned", "said", "look"),
    [
        (None, 1.0, "", "quiet"),
        (100.2, 100.0, "as planned", "quiet"),
        (150.0, 100.0, f"+50{TIGHT}%", "more"),
        (50.0, 100.0, f"\u221250{TIGHT}%", "less"),
        (300.0, 100.0, f"3{TIGHT}\u00d7", "more"),
        (0.0, 0.0, "as planned", "quiet"),
        (5.0, 0.0, "instead of 0", "more"),
    ],
)
def test_differences(actual: float | None, planned: float, said: str, look: str) -> None:
    """In percent, beyond twice as a factor."""
    assert difference(actual, planned) == (said, look)


def test_actual_times_begin_with_the_first_task() -> None:
    """So that planning and waiting for pods don't push them off the plan."""
    plan, _, _ = hospitals()
    found = spans(ran(plan), {task.name: (task.start, task.end) for task in plan.tasks})
    ranges = [span.ran for span in found.values() if span.ran]
    assert min(start for start, _ in ranges) == 0.0
    assert all(end - start == 30.0 for start, end in ranges)
