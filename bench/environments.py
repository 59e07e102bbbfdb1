"""Virtual environments of peers that would not go with our packages: each made once, from pins of its own."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
INSTALL_SECONDS = 900.0
_PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--retries=1")


@dataclass(frozen=True)
class Environment:
    """An interpreter that can import the peer, or why there is none."""

    python: Path | None
    trouble: str = ""


def made(peer: str, root: Path = REPOSITORY, sources: tuple[str, ...] = ()) -> Environment:
    """Return the environment, made anew where it is absent or was made from other pins.

    Args:
        peer: its pins are `requirements/<peer>.txt`.
        root: where the environment is made, as `.venv-<peer>`.
        sources: packages that are published as source only, and built here.
    """
    folder, pins = root / f".venv-{peer}", root / "requirements" / f"{peer}.txt"
    ready, wanted = folder / ".ready", hashlib.sha256(pins.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if ready.is_file() and ready.read_text() == wanted and python.exists():
        return Environment(python)
    shutil.rmtree(folder, ignore_errors=True)
    # With uv, which `make setup` installs, it takes seconds; pip downloads one package after the other.
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", f"--python={python}"] if uv.exists() else [str(python), *_PIP]
    built = [f"--no-binary={name}" for name in sources]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "--quiet", "--only-binary=:all:", *built, "--require-hashes", "-r", str(pins)],
    ):
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            return Environment(None, f"installing {pins.name} took more than {INSTALL_SECONDS:.0f} s")
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
            return Environment(None, f"{pins.name} could not be installed: {said[-1].replace('|', '/')}")
    ready.write_text(wanted)
    return Environment(python)
