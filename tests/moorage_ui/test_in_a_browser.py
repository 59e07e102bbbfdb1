"""The pages in a real Chromium: they open without complaint, follow what happens, and run nothing of a tenant's."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.moorage_ui.hospital import GOVERNED, RUN, Hospital
from tests.moorage_ui.stories import EVIL

pytestmark = [pytest.mark.plane, pytest.mark.xdist_group("ui")]

Start = Callable[[str], str]
Open = Callable[..., Page]
_MILLISECONDS = 120_000
"""That a busy machine may take for anything."""


@pytest.fixture
def visit(browser: Browser, start: Start) -> Iterator[Open]:
    """Opens a page as the administrator; at the end nothing may have been complained about or asked of anybody else."""
    expect.set_options(timeout=_MILLISECONDS)
    complaints: list[str] = []
    contexts: list[BrowserContext] = []
    address = start("")
    origin = address.partition("/enter")[0]

    def run(path: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        if contexts:
            page = contexts[0].new_page()
            page.set_viewport_size({"width": width, "height": height})
        else:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            contexts.append(context)
            page = context.new_page()
            page.goto(address)
        page.set_default_timeout(_MILLISECONDS)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "request", lambda request: None if request.url.startswith(f"{origin}/") else complaints.append(request.url)
        )
        page.goto(f"{origin}{path}")
        return page

    yield run
    for context in contexts:
        context.close()
    assert complaints == []


def where(hospital: Hospital, task: str = "") -> str:
    """The address of the run, or of a task of it."""
    path = f"/runs/{hospital.world.reader}/{RUN}"
    return f"{path}/task?task={quote(task, safe='')}&attempt=1&output=table" if task else path


def test_a_run_shows_how_far_each_task_is(visit: Open, hospital: Hospital) -> None:
    """The drawing of the report with each task's phase on it, and in its name for who can't see it."""
    hospital.set_phases(2)
    page = visit(where(hospital))
    expect(page.locator("#graph-box .task")).to_have_count(14)
    expect(page.locator("#graph-box .task[data-phase=Running]")).not_to_have_count(0)
    done = sum(len(group.tasks) for group in hospital.plan.groups[:2])
    expect(page.locator("#graph-box .task[data-phase=Succeeded]")).to_have_count(done)
    expect(page.locator("#graph-box .task[data-phase=Succeeded]").first).to_have_attribute(
        "aria-label", re.compile(": Succeeded$")
    )
    expect(page.locator("#graph-box .bytes")).to_have_count(3)


def test_a_page_follows_the_run(visit: Open, hospital: Hospital) -> None:
    """A group that ends is seen without a reload: in the drawing, the headline and the table; the drawing stays."""
    hospital.set_phases(0)
    page = visit(where(hospital))
    expect(page.locator("html[data-following]")).to_be_attached()
    page.evaluate("window.stays = true; document.querySelector('#graph-box svg').dataset.same = 'yes'")
    expect(page.locator("#graph-box .task[data-phase=Succeeded]")).to_have_count(0)
    hospital.set_phases(2, message="two groups are done")
    expect(page.locator("#headline")).to_contain_text("two groups are done")
    expect(page.locator("#graph-box .task[data-phase=Succeeded]")).not_to_have_count(0)
    expect(page.locator("#groups .phase.good")).to_have_count(2)
    assert page.evaluate("window.stays && document.querySelector('#graph-box svg').dataset.same") == "yes"


def test_the_list_follows(visit: Open, hospital: Hospital) -> None:
    """A run's phase changes in the list while one looks."""
    hospital.set_phases(1)
    page = visit(f"/runs?namespace={hospital.world.reader}")
    row = page.locator("#runs tr", has_text=RUN)
    expect(row).to_contain_text("Running")
    hospital.set_phases(2, phase="Failed", message="task x: exit code 1")
    expect(row).to_contain_text("Failed")
    hospital.set_phases(2)


def test_nothing_of_a_tenant_runs(visit: Open, hospital: Hospital) -> None:
    """Message, log and artifact are HTML, scripts and escapes; on the page they are letters."""
    page_text = f"<!doctype html><h1>{EVIL}</h1><script>window.hacked=1</script>"
    hospital.set_phases(len(hospital.plan.groups), message=EVIL)
    hospital.write_task(GOVERNED, f"{EVIL}\n<script>window.hacked=1</script>\n".encode(), page_text.encode())
    page = visit(where(hospital))
    expect(page.locator("#headline")).to_contain_text("onerror")
    assert page.evaluate("window.hacked") is None
    page = visit(where(hospital, GOVERNED))
    expect(page.locator("#log")).to_contain_text("<script>window.hacked=1</script>")
    expect(page.locator("#preview")).to_contain_text("<h1>")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    hospital.set_phases(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole(visit: Open, hospital: Hospital, scheme: str) -> None:
    """No page is wider than the screen, in either scheme."""
    for path in ("/runs?namespace=", where(hospital), where(hospital, GOVERNED), "/datasets?namespace=", "/sites"):
        page = visit(path, width=390, height=844, scheme=scheme)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390, path
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(15, 18, 22)") == (scheme == "dark")


def test_light_and_dark_can_be_chosen_and_are_kept(visit: Open) -> None:
    """The next page is as the reader chose."""
    page = visit("/sites")
    page.click("#theme")
    expect(page.locator("html[data-theme=dark]")).to_be_attached()
    page.click("nav a[href='/datasets']")
    expect(page.locator("html[data-theme=dark]")).to_be_attached()


def test_a_task_tells_why_it_ran_there(visit: Open, hospital: Hospital) -> None:
    """The panel of the drawing, by keyboard and mouse, as in the report; Escape closes it."""
    page = visit(where(hospital))
    page.click(f"[data-task][aria-label^='{GOVERNED}']")
    expect(page.locator("#panel")).to_contain_text("Why here")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
