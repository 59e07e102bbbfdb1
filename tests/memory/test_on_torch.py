"""Tensors are kept where there is a torch: in a root folder of its own."""

import subprocess
from pathlib import Path

import pytest

from tests.containers import in_container
from tests.debian_torch import debian_torch

ROOT = Path(__file__).parents[2]


@pytest.mark.real
@pytest.mark.xdist_group("frameworks")  # which makes the same environment
def test_tensors_in_a_real_torch() -> None:
    """Runs test_torch.py there. What fails is shown here."""
    torch = debian_torch()
    arguments = (
        "-m", "pytest", "-q", "-ra", "-c", "/mnt/code/tests/memory/on_torch.ini", "--rootdir", "/mnt/code", "-p",
        "no:cacheprovider", "--confcutdir", "/mnt/code/tests/memory", "/mnt/code/tests/memory/test_torch.py",
    )  # fmt: skip
    command = in_container(torch.root, {"/mnt/code": ROOT, "/mnt/packages": torch.packages})
    settings = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/mnt/code:/mnt/packages", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "/usr/bin/python3", *arguments], env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4_000:]
    assert " passed" in done.stdout
