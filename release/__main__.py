"""`python -m release --url https://github.com/OWNER/moorage`: everything that a release publishes, in build/release."""

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import click
import yaml
from rich.console import Console

import moorage
from devcluster import binaries
from devcluster.progress import Terminal
from moorage.errors import DevClusterError
from moorage_cli.output import say
from release import krew, plugin, stamping

_ROOT = Path(__file__).resolve().parents[1]


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", value):
        raise click.BadParameter("give the repository's address, as https://github.com/OWNER/moorage")
    return value


@click.command()
@click.option("--url", required=True, callback=_address, help="Where the repository is published.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/release"), show_default=True)
@click.option("--revision", default="HEAD", show_default=True, help="The commit or tag that is released.")
def main(url: str, out: Path, revision: str) -> None:
    """Make wheel, chart, plugin archives and krew manifest of a commit; what is not committed has no part in it."""
    version = moorage.__version__
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        export(revision, tree)
        stamp(tree, url, version)
        make_wheel(tree, out)
        make_chart(tree, out)
        archives = tuple(plugin.make_archive(tree, version, platform, out) for platform in plugin.PLATFORMS)
    manifest = yaml.safe_dump(dict(krew.manifest(version, url, archives)), sort_keys=False, width=1000)
    (out / f"{krew.NAME}.yaml").write_text(manifest)
    for path in sorted(out.iterdir()):
        say(str(path))


def export(revision: str, tree: Path) -> None:
    """Export the files of a commit, and nothing else; links stay links."""
    done = subprocess.run(["git", "archive", "--format=tar", revision], cwd=_ROOT, capture_output=True, check=False)
    if done.returncode:
        message = f"git can't export {revision}: {done.stderr.decode(errors='replace').strip()}"
        raise DevClusterError(message)
    tree.mkdir(parents=True)
    with tempfile.TemporaryFile() as file:
        file.write(done.stdout)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            archive.extractall(tree, filter="data")


def stamp(tree: Path, url: str, version: str) -> None:
    """Write where the project is published into the files that packages carry."""
    for folder in ("", "charts/moorage/"):
        page = tree / folder / "README.md"
        page.write_text(stamping.page_with_urls(page.read_text(), url, folder))
    project, chart = tree / "pyproject.toml", tree / "charts/moorage/Chart.yaml"
    project.write_text(stamping.project_with_urls(project.read_text(), url))
    changes = stamping.changes_of((tree / "CHANGELOG.md").read_text(), version)
    examples = "\n---\n".join((tree / "examples" / name).read_text() for name in ("dataset.yaml", "sites.yaml"))
    chart.write_text(stamping.chart_with_urls(chart.read_text(), url, changes, examples))


def make_wheel(tree: Path, out: Path) -> None:
    """Build the wheel with this environment's tools, from no index."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(out), str(tree)], check=True)


def make_chart(tree: Path, out: Path) -> None:
    """Make the chart's archive, with the definitions themselves where the tree has a link."""
    definitions = tree / "charts/moorage/files/crds"
    if definitions.is_symlink():
        definitions.unlink()
        shutil.copytree(tree / "crds", definitions)
    helm = binaries.program("helm", Terminal(Console(stderr=True)))
    subprocess.run([helm, "package", tree / "charts/moorage", "--destination", out], check=True, capture_output=True)


if __name__ == "__main__":
    try:
        main()
    except DevClusterError as error:
        sys.exit(f"release: {error}")
