"""The first rows of a Parquet file, read in a process that may die of it: whoever wrote the file is not trusted."""

import asyncio
import json
import sys
from typing import Final

from moorage_ui.views.previews import NoPreview, Preview, rows_preview
from moorage_ui.views.raw import items, text, whole

_SECONDS: Final = 15.0
_MOST_ANSWER_BYTES: Final = 4 << 20
_CHILD: Final = (sys.executable, "-P", "-m", "moorage_ui.parquet_child")
MISSING: Final = 3
"""The child's exit code where there is no pyarrow."""
_AT_ONCE: Final = asyncio.Semaphore(2)


async def parquet_preview(content: bytes) -> Preview:
    """Return the first rows, or why there are none."""
    async with _AT_ONCE:
        child = await asyncio.create_subprocess_exec(
            *_CHILD,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PYTHONPATH": ":".join(each for each in sys.path if each)},
        )
        try:
            async with asyncio.timeout(_SECONDS):
                printed, _ = await child.communicate(content)
        except (TimeoutError, BrokenPipeError, ConnectionError):
            return NoPreview("It is a Parquet file that takes too long to read.")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    if child.returncode == MISSING:
        return NoPreview("It is a Parquet file, and pyarrow is not installed here: pip install pyarrow shows its rows.")
    return read_answer(printed) if child.returncode == 0 else NoPreview("It is a Parquet file that can't be read.")


def read_answer(printed: bytes) -> Preview:
    """Parse the child process's answer. Pure."""
    unreadable = NoPreview("It is a Parquet file that can't be read.")
    if len(printed) > _MOST_ANSWER_BYTES:
        return unreadable
    try:
        told = json.loads(printed)
    except (ValueError, RecursionError):
        return unreadable
    if not isinstance(told, dict):
        return unreadable
    columns = [text(each.get("name"), 200) for each in items(told.get("columns"))]
    kinds = [text(each.get("type"), 60) for each in items(told.get("columns"))]
    rows = [row for row in told.get("rows") or () if isinstance(row, list)]
    named = [f"{name} ({kind})" if kind else name for name, kind in zip(columns, kinds, strict=True)]
    return rows_preview("Parquet", named, rows, whole(told.get("total")))
