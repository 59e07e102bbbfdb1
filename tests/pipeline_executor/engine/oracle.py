"""kfp's own local runner, which shares no code with the engine: what it gives is what the engine must give."""

import builtins
import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kfp import components, local
from kfp.local import config

from tests.pipeline_executor.engine.locally import without_pip


@contextlib.contextmanager
def kfp_as_it_was(folder: Path) -> Iterator[None]:
    """Whatever kfp changes for the whole process, `print` included, is as it was before, afterwards."""
    before, printing, environment = config.LocalExecutionConfig.instance, builtins.print, dict(os.environ)
    os.environ.update(without_pip(folder))
    try:
        # Components write to relative paths, too.
        with contextlib.chdir(folder), warnings.catch_warnings():
            # Of settings that have no effect there.
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        config.LocalExecutionConfig.instance, builtins.print = before, printing
        os.environ.clear()
        os.environ.update(environment)


def run_by_kfp(text: str, arguments: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What the root of a compiled pipeline gives out, run by kfp.local here; artifacts by what is in them.

    Raises:
        Exception: whatever kfp.local raises where it can't run it, or where a task fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with kfp_as_it_was(folder):
        local.init(
            local.SubprocessRunner(use_venv=False),
            pipeline_root=str(folder / "root"),
            workspace_root=str(folder / "workspace"),
        )
        task = components.load_component_from_text(text)(**arguments)
        return {name: _content(value) for name, value in task.outputs.items()}


def _content(value: Any) -> Any:  # noqa: ANN401 - kfp has no types
    if isinstance(value, list):
        return [_content(item) for item in value]
    uri = getattr(value, "uri", None)
    if uri is None:
        return value
    path = Path(uri)
    return path.read_text() if path.is_file() else ""
