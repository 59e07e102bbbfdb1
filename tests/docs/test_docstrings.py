"""The docstrings: a first line says what a thing is or does, to somebody who has not read the code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "bench",
    "broker",
    "dataset_operator",
    "demo",
    "devcluster",
    "kfp_api",
    "moorage",
    "moorage_ui",
    "pipeline_executor",
    "pipeline_splitter",
    "release",
    "webhook",
)
# Folders below these that are not held to it yet.
ELSEWHERE = (
    "dataset_operator/listing/hive/",
    "dataset_operator/listing/iceberg/",
    "moorage/locality/",
    "moorage/memory/",
    "moorage/proving/",
    "moorage/queueing/",
    "moorage/sources/",
    "pipeline_executor/hub/",
    "pipeline_executor/spoke/",
    "pipeline_executor/store/",
)
# After a definition's colon, or at the top of a module. Text is searched, as parsing all modules takes seconds.
_FIRST_LINE = re.compile(r'(?:\A|^[^"#\n]*:(?:  #[^\n]*)?\n)[ \t]*r?"""([^\n]*)', re.MULTILINE)


def is_riddle(line: str) -> bool:
    """Return whether a first line has less than three words, or begins with a bare preposition."""
    words = line.removesuffix('"""').split()
    return len(words) < 3 or words[0] in {"Of", "As", "By"}


def first_lines() -> dict[str, list[str]]:
    """Return the first lines of each module's docstrings, by the module's path."""
    modules = [module for folder in FOLDERS for module in (ROOT / folder).rglob("*.py")]
    return {str(module.relative_to(ROOT)): _FIRST_LINE.findall(module.read_text()) for module in modules}


def test_every_first_line_says_what_a_thing_is_or_does() -> None:
    """At least three words, and no fragment that begins with Of, As or By."""
    found = first_lines()
    assert sum(map(len, found.values())) > 4000
    held = {module: lines for module, lines in found.items() if not module.startswith(ELSEWHERE)}
    assert [f"{module}: {line}" for module, lines in held.items() for line in lines if is_riddle(line)] == []
