"""The install page, followed to the letter on a cluster that has nothing of Moorage."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "install.md"


def commands() -> list[str]:
    """Every command of the page's `console` blocks, with what it reads from the page."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [command for block in blocks for command in re.split(r"^\$ ", block, flags=re.MULTILINE) if command.strip()]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A shell's environment; the cluster that the page makes is gone afterwards."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    yield {**os.environ, "PATH": path, "HELM_CACHE_HOME": str(tmp_path)}
    subprocess.run([Path(sys.executable).with_name("moorage"), "dev", "down", "--name", "try"], cwd=ROOT, check=False)


@pytest.mark.real
@pytest.mark.xdist_group("nodes")
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for real nodes")
def test_the_page_ends_with_a_pod_that_reads(bare: dict[str, str]) -> None:
    """Its commands in one shell, in order, each of which must succeed."""
    script = "set -eu\n" + "\n".join(f"echo '@@ {number}'\n{command}" for number, command in enumerate(commands()))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "# Moorage" in done.stdout.splitlines()


def test_the_image_of_its_pod_is_one_that_is_installed() -> None:
    """The page names a version; it must be today's."""
    from devcluster.images import image_reference  # noqa: PLC0415 - beside what it is compared with

    pods = [
        yaml.safe_load(part) for part in re.findall(r"<<'EOF'\n(.*?)^EOF$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    ]
    images = [each["spec"]["containers"][0]["image"] for each in pods if each["kind"] == "Pod"]
    assert images == [image_reference("webhook")]
