"""What a person without root is told, before a minute of installing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
_NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_demo_says_at_once_that_it_needs_root(tmp_path: Path) -> None:
    """With another way; nothing is installed, and no cluster is said to stay."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    tmp_path.chmod(0o755)
    command = [
        "setpriv",
        f"--reuid={_NOBODY}",
        f"--regid={_NOBODY}",
        "--clear-groups",
        "make",
        "--directory",
        "/proc/self/cwd",
        "demo",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "need root: run it as root, or make a cluster without nodes" in done.stderr
    assert "Installing" not in done.stdout
    assert "stays" not in done.stdout + done.stderr
