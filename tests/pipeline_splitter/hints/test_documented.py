"""The hints that the documentation shows are hints."""

import re
from pathlib import Path

from pipeline_splitter.documents import parse
from pipeline_splitter.reading_hints import read_hints

PAGE = Path(__file__).parents[3] / "docs/plan-inputs.md"


def test_every_hint_of_the_page_is_read() -> None:
    """Each kind is there, and none is misspelt."""
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    hints = read_hints([("page", parse(block, "page"))])
    assert hints.tasks["train"].seconds == 3600
    assert set(hints.inputs) == {"raw", "sample"}
    assert hints.artifacts == {"train.model": 3 * 2**30}
    assert hints.defaults.purpose == "research"
