"""The wheel holds what people import and run from a shell, and claims no name that others may use."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree, so that nothing is left behind in it."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / "tree" / name
        if source.is_file() and not name.startswith(("tests/", "docs/", "bench/")):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder, folder / "tree"], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_claims_no_generic_name(wheel: Path) -> None:
    """`webhook`, `broker` or `demo` in site-packages would hide or break somebody else's."""
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {name for name in names if not name.endswith(".dist-info")}
    assert packages == {"moorage", "moorage_cli", "moorage_ui", "pipeline_splitter"}


def test_its_types_are_for_others_too(wheel: Path) -> None:
    """A type checker believes a package's annotations only beside a py.typed."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in ("moorage", "moorage_cli", "moorage_ui", "pipeline_splitter")} <= names


def test_the_command_runs_without_the_tree(wheel: Path, tmp_path: Path) -> None:
    """What is left in a clone is said to be there."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import sys; sys.path[0] = sys.argv.pop(1); from moorage_cli.main import main; main()"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        # -S leaves out the link to the tree; the dependencies that are installed beside it come back by hand.
        paths = [path for path in sys.path if path.endswith("site-packages")]
        command = [sys.executable, "-S", "-c", f"import sys; sys.path += {paths!r}; {code}", str(tmp_path), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    told = run("dev", "up")
    assert (told.returncode, "needs a clone" in told.stderr) == (2, True), told.stderr
    assert run("version").stdout.startswith("moorage ")
    assert " dev " not in run("--help").stdout
