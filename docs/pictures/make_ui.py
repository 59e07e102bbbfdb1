#!/usr/bin/env python3
"""Takes the pictures of `moorage ui`: a run of the tests' hospitals, in a control plane of its own.

    .venv/bin/moorage dev up --name pictures --sites eu-1=0,us-1=0
    .venv/bin/python docs/pictures/make_ui.py pictures
    .venv/bin/moorage dev down --name pictures

Needs `chromium` on PATH; with the font Inter installed (Debian: fonts-inter) the pictures look as those in the
repository.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from make import ARGUMENTS  # noqa: E402 - from this folder
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from devcluster import cluster  # noqa: E402
from tests.dataset_operator.stores import run_store  # noqa: E402
from tests.moorage_ui.hospital import GOVERNED, RUN, SYSTEM, Hospital, make_hospital  # noqa: E402
from tests.world import make_world  # noqa: E402

_LOG = "".join(f"epoch {epoch}: loss {0.69 / epoch:.4f}, AUC {1 - 0.4 / (epoch + 1):.4f}\n" for epoch in range(1, 31))


def main() -> None:
    """Make the run, open the pages, take every picture."""
    name = sys.argv[1] if len(sys.argv) > 1 else "pictures"
    with (
        tempfile.TemporaryDirectory() as folder,
        make_world(cluster.find(name), "pictures") as world,
        run_store(Path(folder)) as store,
        make_hospital(world, store, Path(folder)) as hospital,
        sync_playwright() as playwright,
    ):
        hospital.write_task(GOVERNED, _LOG.encode(), b"hospital,age,lactate,risk\n" + _rows().encode())
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        run = f"/runs/{world.reader}/{RUN}"
        task = f"{run}/task?task={GOVERNED}&attempt=1&output=table"
        take(browser, hospital, "ui-run", run, height=1180)
        take(browser, hospital, "ui-run-dark", run, scheme="dark", height=1180)
        take(browser, hospital, "ui-run-phone", run, width=390, height=844, scale=2)
        take(browser, hospital, "ui-task", task, height=1500)
        browser.close()


def _rows() -> str:
    return "".join(
        f"lyon,{40 + index * 7 % 50},{1 + index * 3 % 17 / 10:.1f},{index * 13 % 97 / 100}\n" for index in range(90)
    )


def take(  # noqa: PLR0913 - a picture has that many sides
    browser: Browser,
    hospital: Hospital,
    name: str,
    path: str,
    *,
    width: int = 1280,
    height: int,
    scale: float = 1.5,
    scheme: str = "light",
) -> None:
    """One picture of what is seen first."""
    command = [str(Path(sys.executable).parent / "moorage"), "ui", "--no-open", "--system-namespace", SYSTEM]
    command += ["--kubeconfig", str(hospital.world.cluster.kubeconfig_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        found = re.search(r"Open (\S+)", serving.stdout.readline() if serving.stdout else "")
        if found is None:
            sys.exit("moorage ui did not start")
        context = browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.goto(found[1])
        page.goto(found[1].partition("/enter")[0] + path)
        page.wait_for_selector("html[data-ready]")
        _settle(page)
        page.screenshot(path=HERE / f"{name}.png")
        context.close()
        serving.terminate()
    print(f"{name}.png: {(HERE / f'{name}.png').stat().st_size / 1000:.0f} kB")  # noqa: T201 - a script


def _settle(page: Page) -> None:
    page.evaluate("document.fonts.ready")
    time.sleep(0.3)


if __name__ == "__main__":
    main()
