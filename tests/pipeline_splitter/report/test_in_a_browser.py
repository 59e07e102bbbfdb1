"""The report in a real Chromium: it opens without complaint, and answers."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from moorage.objectives import OBJECTIVES
from pipeline_splitter.plan import Plan, PlannedTask
from pipeline_splitter.report import Scenario, write_report, write_run_report
from tests.pipeline_splitter.report.test_run_page import ran
from tests.plan_stories import hospitals, layered, rename

OpenPage = Callable[..., Page]
EVIL = '</script><img src=x onerror="window.hacked=1"><!--<script>'
WIDTH = 390


def comparison(plan: Plan) -> tuple[Scenario, ...]:
    """One that is dearer, one that is not possible."""
    return (
        Scenario("all at lyon", None, "dataset charite/admissions must stay in DE"),
        Scenario("each where its biggest input is", {name: 1.5 * plan.costs[name] for name in OBJECTIVES}),
    )


@pytest.fixture(scope="module")
def story() -> str:
    """The hospitals' report."""
    plan, graph, inventory = hospitals()
    return write_report(plan, graph, inventory, comparison(plan), ("a warning of the command line",))


@pytest.fixture(scope="module")
def large() -> str:
    """2,000 tasks at 20 sites."""
    plan, graph, inventory = layered(2000, 20)
    return write_report(plan, graph, inventory, comparison(plan))


def find(page: Page, words: str) -> None:
    """Type into the search box and take the first task found."""
    page.fill("#search", words)
    expect(page.locator("#found [role=option]").first).to_be_visible()
    page.press("#search", "Enter")


def overflow(page: Page) -> int:
    """How many pixels the page is wide."""
    return int(page.evaluate("document.scrollingElement.scrollWidth"))


def test_the_page_says_what_the_plan_is(open_page: OpenPage, story: str) -> None:
    """Headline, proof, all four costs, every task, the flows, the comparison, the warnings."""
    page = open_page(story)
    expect(page.locator("h1")).to_have_text("14 tasks at 3 sites; 1.58\u00a0GB move between sites; it costs 1.43")
    expect(page.locator(".proven")).to_contain_text("No plan that keeps every rule is cheaper")
    expect(page.locator(".figure")).to_have_count(4)
    expect(page.locator("#graph-box .task")).to_have_count(14)
    expect(page.locator("#graph-box .bytes")).to_have_count(3)
    expect(page.locator("#flows-map .ribbon")).to_have_count(3)
    expect(page.locator("#flows-table tbody tr")).to_have_count(3)
    expect(page.locator("#compare-table tbody tr")).to_have_count(3)
    expect(page.locator("#compare-table")).to_contain_text("must stay in DE")
    expect(page.locator("#notes-list")).to_contain_text("a warning of the command line")


def test_a_task_tells_why(open_page: OpenPage, story: str) -> None:
    """Its panel: why here, why not elsewhere by rule and by cost, rules, what is brought, what is assumed."""
    page = open_page(story)
    page.click("[data-task][aria-label^='train-europe']")
    panel = page.locator("#panel")
    expect(panel).to_contain_text("Why here")
    expect(panel).to_contain_text("0.9 GB are brought, already pseudonymised")
    expect(panel).to_contain_text("ResidencyViolated")
    expect(panel).to_contain_text("dataset lyon-hcl/admissions must stay in EU and site boston lies in US-MA")
    expect(panel).to_contain_text("+0.258 money")
    expect(panel).to_contain_text("pseudonymise-features-berlin.released")
    expect(panel).to_contain_text("stays in EU")
    panel.get_by_role("button", name="summarise-europe").click()
    expect(panel.locator("h2")).to_have_text("summarise-europe")
    expect(panel).to_contain_text("seconds: a default, because nothing states it")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_group_data_and_a_flow_open_too(open_page: OpenPage, story: str) -> None:
    """What a group is given, who reads data at rest, what makes up a flow."""
    page = open_page(story)
    panel = page.locator("#panel")
    find(page, "train-europe")
    panel.get_by_role("button", name="lyon-1").click()
    expect(panel).to_contain_text("groups/lyon-1.yaml")
    expect(panel).to_contain_text("boston_auc")
    page.locator(".stock").first.click()
    expect(panel).to_contain_text("Data before the run")
    page.locator("#flows-table .link").first.click()
    expect(panel.locator("h2")).to_have_text("berlin → lyon")


@pytest.mark.parametrize("width", [WIDTH, 1280])
def test_search_finds_a_task(open_page: OpenPage, story: str, width: int) -> None:
    """By any part of its name; what is not there is said; the graph shows the one found."""
    page = open_page(story, width=width)
    find(page, "BOSTON")
    expect(page.locator("#panel h2")).to_have_text("clean-boston")
    expect(page.locator(".task.chosen title")).to_contain_text("clean-boston")
    page.keyboard.press("Escape")
    page.fill("#search", "nowhere")
    expect(page.locator("#found")).to_contain_text("No task is named like that")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(open_page: OpenPage, story: str, scheme: str) -> None:
    """The page follows the reader's scheme, and the button turns it; text stays readable in both."""
    page = open_page(story, scheme=scheme)

    def brightness(selector: str, name: str) -> float:
        found = page.eval_on_selector(selector, f"node => getComputedStyle(node).{name}")
        return sum(float(part) for part in re.findall(r"[\d.]+", found)[:3]) / 765

    for turned in (False, True):
        is_dark = (scheme == "dark") != turned
        assert (brightness("body", "backgroundColor") < 0.3) == is_dark
        assert abs(brightness("body", "backgroundColor") - brightness("h1", "color")) > 0.6
        assert abs(brightness(".card", "backgroundColor") - brightness(".proven", "color")) > 0.35
        page.click("#theme")


def test_nothing_overflows_on_a_phone(open_page: OpenPage, story: str) -> None:
    """390 pixels wide, in every view: no sideways scrolling of the page."""
    page = open_page(story, width=WIDTH, height=844)
    assert overflow(page) <= WIDTH
    for name in ("Fold", "Unfold", "Larger"):
        page.get_by_role("button", name=name, exact=True).click()
        assert overflow(page) <= WIDTH
    for name in ("Money", "Carbon"):
        page.locator("#flows-tools").get_by_role("button", name=name).click()
        assert overflow(page) <= WIDTH
    for selector in (".task", ".stock", "#flows-table .link", ".row"):
        page.locator(selector).first.click()
        expect(page.locator("#panel")).to_be_visible()
        assert overflow(page) <= WIDTH
        page.keyboard.press("Escape")
    page.fill("#search", "e")
    assert overflow(page) <= WIDTH
    page.keyboard.press("Escape")
    page.locator(".chip").first.click()
    assert overflow(page) <= WIDTH


def test_long_names_overflow_nowhere(open_page: OpenPage) -> None:
    """Names, sites, reasons and messages of hundreds of letters without a space."""
    plan, graph, inventory = hospitals()
    long = "x" * 400
    tasks = tuple(replace(task, reason=long) for task in plan.tasks)
    text = write_report(
        replace(plan, pipeline_name=long, tasks=tasks), graph, inventory, (Scenario(long, None, long),), (long,)
    )
    page = open_page(text, width=WIDTH, height=844)
    assert overflow(page) <= WIDTH
    page.locator(".task").first.click()
    assert overflow(page) <= WIDTH


def test_filters_narrow_graph_and_table(open_page: OpenPage, story: str) -> None:
    """By site and by group; several sites add up."""
    page = open_page(story)
    page.locator(".chip", has_text="berlin").click()
    expect(page.locator("#tasks-tools")).to_have_text("3 of 14 tasks")
    expect(page.locator(".task.faded")).to_have_count(11)
    expect(page.locator(".ribbon.faded")).to_have_count(1)
    page.locator(".chip", has_text="boston").click()
    expect(page.locator("#tasks-tools")).to_have_text("7 of 14 tasks")
    page.locator("#graph-tools select").select_option(label="boston-1")
    expect(page.locator("#tasks-tools")).to_have_text("4 of 14 tasks")


@pytest.mark.parametrize("width", [WIDTH, 1280])
def test_the_schedule_shows_when(open_page: OpenPage, story: str, width: int) -> None:
    """The same tasks as bars in time; a bar opens the task's panel; it can be stretched; the graph comes back."""
    page = open_page(story, width=width, height=844)
    tools = page.locator("#graph-tools")
    tools.get_by_role("button", name="Schedule").click()
    expect(page.locator(".turn")).to_have_count(14)
    expect(page.get_by_role("button", name="Fold", exact=True)).to_be_hidden()
    before = page.locator("#graph-box svg").bounding_box()
    tools.get_by_role("button", name="Larger").click()
    after = page.locator("#graph-box svg").bounding_box()
    assert before
    assert after
    assert after["width"] > before["width"]
    assert overflow(page) <= width
    page.locator(".turn[aria-label^='train-europe']").click()
    expect(page.locator("#panel h2")).to_have_text("train-europe")
    expect(page.locator(".turn.chosen")).to_have_count(1)
    page.keyboard.press("Escape")
    tools.get_by_role("button", name="Graph").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#graph-box .bytes")).to_have_count(3)


def test_the_table_sorts(open_page: OpenPage, story: str) -> None:
    """By any column, up and down."""
    page = open_page(story)
    first = page.locator(".row .name").first
    expect(first).to_have_text("clean-lyon")
    page.get_by_role("button", name="Brought in").click()
    page.get_by_role("button", name="Brought in").click()
    expect(first).to_have_text("train-europe")
    page.locator(".titles").get_by_role("button", name="Task").click()
    expect(first).to_have_text("calibrate")


def test_the_keyboard_is_enough(open_page: OpenPage, story: str) -> None:
    """Slash searches; arrows move in the graph and in the table; Enter opens; Escape closes and goes back."""
    page = open_page(story)
    page.keyboard.press("/")
    page.keyboard.type("calib")
    page.keyboard.press("Enter")
    expect(page.locator("#panel h2")).to_have_text("calibrate")
    page.keyboard.press("Escape")
    page.locator("[data-task]", has_text="clean-lyon").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#panel h2")).to_have_text("features-lyon")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("features-lyon")
    page.locator(".row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#panel h2")).to_have_text("clean-berlin")


def test_two_thousand_tasks_stay_usable(open_page: OpenPage, large: str) -> None:
    """Groups first; a task found unfolds its group only; the table holds the rows in sight."""
    page = open_page(large)
    assert page.locator("#graph-box .task").count() == 0
    assert page.locator("#graph-box .group").count() > 100
    assert page.locator(".row").count() < 40
    assert page.evaluate("document.querySelectorAll('*').length") < 6000
    find(page, "task-01234")
    expect(page.locator("#panel h2")).to_have_text("task-01234")
    expect(page.locator(".task.chosen")).to_have_count(1)
    assert page.locator("#graph-box .task").count() < 400
    page.keyboard.press("Escape")
    page.locator(".rows").evaluate("rows => rows.scrollTo(0, rows.scrollHeight)")
    expect(page.locator(".row").last).to_be_visible()
    assert page.locator(".row").count() < 40
    page.locator("#graph-tools").get_by_role("button", name="Schedule").click()
    expect(page.locator(".turn")).to_have_count(2000)
    page.locator("#graph-tools").get_by_role("button", name="Graph").click()
    page.get_by_role("button", name="Show all").click()
    page.locator(".group.folded").first.press("Enter")
    assert page.locator("#graph-box .task").count() > 0


def test_two_thousand_tasks_fit_a_phone(open_page: OpenPage, large: str) -> None:
    """Nothing overflows there either."""
    page = open_page(large, width=WIDTH, height=844)
    assert overflow(page) <= WIDTH
    find(page, "task-00042")
    assert overflow(page) <= WIDTH


def test_names_stay_text(open_page: OpenPage) -> None:
    """Nothing of the pipeline becomes markup or runs, wherever it is shown."""
    plan, graph, inventory = hospitals()
    evil = rename(plan, lambda name: EVIL + name)
    tasks = tuple(
        replace(
            task,
            reason=EVIL,
            assumed=(EVIL,),
            alternatives=tuple(
                replace(other, denied=replace(other.denied, message=EVIL, rule=EVIL)) if other.denied else other
                for other in task.alternatives
            ),
        )
        for task in evil.tasks
    )
    groups = tuple(replace(group, file=EVIL) for group in evil.groups)
    evil = replace(evil, pipeline_name=EVIL, pipeline_digest=EVIL, tasks=tasks, groups=groups, warnings=(EVIL,))
    page = open_page(write_report(evil, graph, inventory, (Scenario(EVIL, None, EVIL),), (EVIL,)))
    expect(page.locator(".eyebrow").first).to_have_text(EVIL)
    expect(page.locator("#notes-list")).to_have_text(EVIL)
    find(page, "train-europe")
    expect(page.locator("#panel")).to_contain_text(EVIL)
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("window.hacked") is None
    assert page.title() == f"{EVIL}: a plan"


def test_the_policy_forbids_other_scripts(browser: Browser, story: str, tmp_path: Path) -> None:
    """A script that slipped in would not run: the page's own policy names the one that may."""
    path = tmp_path / "report.html"
    path.write_text(story.replace("</main>", "<script>window.hacked = 1</script></main>"), "utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("window.hacked") is None
    context.close()


def test_an_empty_plan_is_shown(open_page: OpenPage) -> None:
    """No tasks, no transfers, no sites: sentences instead."""
    _, graph, inventory = hospitals()
    nothing = Plan("nothing", "0" * 64, (), dict.fromkeys(OBJECTIVES, 0.0), (), (), ())
    empty = replace(graph, tasks={}, data={}, parameters=(), order=frozenset())
    page = open_page(write_report(nothing, empty, inventory), width=WIDTH)
    expect(page.locator("h1")).to_have_text("There is nothing to run, so it costs nothing.")
    expect(page.locator("#graph-box")).to_have_text("The pipeline has no tasks.")
    expect(page.locator("#flows-map")).to_contain_text("Nothing moves")
    assert overflow(page) <= WIDTH


def test_a_task_alone_is_shown(open_page: OpenPage) -> None:
    """One task that nobody grouped, at a site that the inventory does not list."""
    _, graph, inventory = hospitals()
    task = PlannedTask("only", "mars", "", 0.0, 60.0, "the only site", {})
    plan = Plan("one", "0" * 64, (), dict.fromkeys(OBJECTIVES, 0.0), (task,), (), ())
    page = open_page(write_report(plan, replace(graph, tasks={}, data={}, parameters=(), order=frozenset()), inventory))
    find(page, "only")
    expect(page.locator("#panel")).to_contain_text("the only site")


def picture_width(page: Page) -> tuple[float, float]:
    """How wide the graph is drawn, and how wide its box is."""
    picture, box = page.locator("#graph-box svg").bounding_box(), page.locator("#graph-box").bounding_box()
    assert picture
    assert box
    return picture["width"], box["width"]


@pytest.mark.parametrize(("tasks", "sites"), [(14, 0), (40, 3), (60, 6), (110, 20)], ids=str)
def test_the_graph_fits_a_phone(open_page: OpenPage, story: str, tasks: int, sites: int) -> None:
    """At 390 pixels nothing of it is beside the screen, and its letters can be read."""
    page = open_page(story if not sites else write_report(*layered(tasks, sites)), width=WIDTH, height=844)
    picture, box = picture_width(page)
    assert picture <= box
    scale = page.evaluate("document.querySelector('#graph-box svg').getScreenCTM().a")
    assert scale >= 0.7
    expect(page.locator("#graph-box .task")).to_have_count(tasks)
    boxes = [shape.bounding_box() for shape in page.locator("#graph-box .task .shape").all()]
    for index, one in enumerate(boxes):
        assert one
        for other in boxes[:index]:
            assert other
            assert not (
                one["x"] < other["x"] + other["width"] - 1
                and other["x"] < one["x"] + one["width"] - 1
                and one["y"] < other["y"] + other["height"] - 1
                and other["y"] < one["y"] + one["height"] - 1
            )


@pytest.mark.parametrize("width", [WIDTH, 1280])
def test_a_group_of_one_task_is_that_task(open_page: OpenPage, width: int) -> None:
    """No box around it that says its site and its name again; its id stands in it."""
    plan, graph, inventory = layered(20, 6)
    page = open_page(write_report(plan, graph, inventory), width=width, height=900)
    several = [group for group in plan.groups if len(group.tasks) > 1]
    alone = [group for group in plan.groups if len(group.tasks) == 1]
    assert alone
    expect(page.locator("#graph-box .group")).to_have_count(len(several))
    for group in alone:
        number = [task.name for task in plan.tasks].index(group.tasks[0])
        assert page.locator(f'#graph-box [data-task="{number}"] .mark').text_content()
    assert ">1 task<" not in page.locator("#graph-box svg").inner_html()


def test_the_first_screen_says_what_was_assumed(open_page: OpenPage) -> None:
    """Before one scrolls, on a phone too; nothing where nothing was."""
    plan, graph, inventory = hospitals()
    doubtful = replace(plan, tasks=tuple(replace(task, assumed=("bytes of x.y", "seconds")) for task in plan.tasks))
    page = open_page(write_report(doubtful, graph, inventory), width=WIDTH, height=844)
    told = page.locator(".assumed")
    expect(told).to_contain_text(
        "Assumed, because nothing states it: seconds of 14 tasks, the size of 1 artifact or dataset."
    )
    place = told.bounding_box()
    assert place
    assert place["y"] + place["height"] <= 844
    sure = replace(plan, tasks=tuple(replace(task, assumed=()) for task in plan.tasks))
    expect(open_page(write_report(sure, graph, inventory)).locator(".assumed")).to_have_count(0)


def test_a_display_name_is_shown_and_found(open_page: OpenPage) -> None:
    """In the graph, the table, the search and the panel; the path stands beside it."""
    plan, graph, inventory = hospitals()
    first = plan.tasks[0]
    tasks = (replace(first, title="Count <all> patients"), *plan.tasks[1:])
    page = open_page(write_report(replace(plan, tasks=tasks), graph, inventory))
    expect(page.locator('#graph-box [data-task="0"]')).to_contain_text("Count")
    expect(page.locator("#tasks-table")).to_contain_text("Count <all> patients")
    find(page, "<all>")
    expect(page.locator("#panel-title")).to_have_text("Count <all> patients")
    expect(page.locator("#panel")).to_contain_text(first.name)


@pytest.mark.parametrize("width", [WIDTH, 1280])
def test_a_run_beside_its_plan(open_page: OpenPage, width: int) -> None:
    """Every task and every link has a row; nothing is wider than the window; dark and light."""
    plan, _, _ = hospitals()
    page = open_page(write_run_report(plan, ran(plan)), width=width, height=844)
    expect(page.locator("h1")).to_contain_text("Succeeded after")
    expect(page.locator("#tasks tbody tr")).to_have_count(len(plan.tasks))
    expect(page.locator("#timeline rect.planned")).to_have_count(len(plan.tasks) + 1)
    assert overflow(page) <= width
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") in {"dark", "light"}
