"""A release from a commit: the wheel and the chart as people get them."""

import subprocess
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml

import moorage
from devcluster import binaries
from devcluster.progress import Silent
from release.__main__ import export, make_chart, make_wheel, stamp

ROOT = Path(__file__).resolve().parents[2]
URL = "https://git.example.com/team/moorage"

pytestmark = [pytest.mark.plane, pytest.mark.xdist_group("release")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and chart of what was committed last."""
    folder = tmp_path_factory.mktemp("release")
    tree, out = folder / "tree", folder / "out"
    export("HEAD", tree)
    stamp(tree, URL, moorage.__version__)
    out.mkdir()
    make_wheel(tree, out)
    make_chart(tree, out)
    return out


def test_the_wheel_says_where_it_comes_from(made: Path) -> None:
    """Its addresses, and its page, whose links lead to the repository."""
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        (name,) = [name for name in opened.namelist() if name.endswith("/METADATA")]
        told = HeaderParser().parsestr(opened.read(name).decode())
    assert f"Source, {URL}" in told.get_all("Project-URL", [])
    page = told.get_payload()
    assert f"({URL}/blob/main/docs/install.md)" in page
    assert "](docs/" not in page


def test_the_chart_is_whole(made: Path, tmp_path: Path) -> None:
    """The definitions are files in it, helm is content, and it renders what the tree's chart renders."""
    (archive,) = made.glob("*.tgz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    chart = tmp_path / "moorage"
    assert sorted(path.name for path in (chart / "files/crds").iterdir() if not path.is_symlink()) == sorted(
        path.name for path in (ROOT / "crds").glob("*.yaml")
    )
    helm = binaries.program("helm", Silent())
    linted = subprocess.run([helm, "lint", "--strict", "--quiet", chart], capture_output=True, check=False, text=True)
    assert linted.returncode == 0, linted.stdout
    rendered = [
        subprocess.run([helm, "template", "m", folder], capture_output=True, check=True, text=True).stdout
        for folder in (archive, ROOT / "charts/moorage")
    ]
    assert rendered[0] == rendered[1]
    notes = yaml.safe_load((chart / "Chart.yaml").read_text())["annotations"]
    assert "artifacthub.io/links" in notes
    assert f"({URL}/blob/main/docs/install.md)" in (chart / "README.md").read_text()
