"""Objects that lie in a vineyard daemon pass all tests of this folder: in an environment that has vineyard."""

import os
import subprocess
from pathlib import Path

from bench.environments import Environment

ROOT = Path(__file__).parents[2]


def test_all_of_this_in_a_real_daemon(vineyard: Environment) -> None:
    """The tests of files alone are left out; those of the daemon alone are added. What fails there is shown here."""
    assert vineyard.python is not None
    arguments = (
        "-m", "pytest", "-q", "-ra", "-c", "tests/memory/on_vineyard.ini", "--rootdir", ".", "-p", "no:cacheprovider",
        "tests/memory",
    )  # fmt: skip
    done = subprocess.run(
        [vineyard.python, *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "MOORAGE_TEST_MEMORY": "vineyard", "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4_000:]
    assert " passed" in done.stdout
