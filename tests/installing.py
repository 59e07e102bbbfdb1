"""Programs that a few tests need, installed where they are missing."""

import os
import shutil
import subprocess
import sys

import pytest


def program(name: str, purpose: str, *packages: str) -> str:
    """The program: from PATH, else installed from Debian as root, else the test is skipped and says why."""
    if found := shutil.which(name):
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        remedy = f"apt-get install {' '.join(packages)}"
        pytest.skip(f"no {name} on PATH, and only root on Debian can install it here: {remedy}")
    print(f"Installing {name} from Debian, {purpose} ...", file=sys.__stderr__, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"{name} can't be installed: {(done.stderr.strip() or 'apt-get failed').splitlines()[-1]}")
    return shutil.which(name) or pytest.skip(f"apt-get installed {name}, but it is not on PATH")
