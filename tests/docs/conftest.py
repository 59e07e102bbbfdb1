"""The documentation's site, built once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browsers import browser, chromium

__all__ = ["browser", "chromium"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` makes it: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-d", str(folder / "read")]
    done = subprocess.run([*command, ".", str(folder / "site")], cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "site"
