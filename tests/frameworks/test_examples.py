"""Each example of examples/frameworks reads a dataset that Moorage has mounted, and the pages show that very file."""

import json
import re
from pathlib import Path

import pyarrow.compute as pc
import pytest

from bench.environments import REPOSITORY
from tests.frameworks import data
from tests.frameworks.conftest import EXAMPLES, Platform, seen

_SHOWN = re.compile(r"\(\.\./examples/frameworks/(\w+\.py)\)+:\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def march_minutes() -> dict[str, int]:
    """Minutes of delay in March by carrier."""
    march = data.flights_table().filter(pc.equal(data.flights_table()["month"], 3))
    by_carrier = march.group_by("carrier").aggregate([("delay", "sum")])
    return dict(zip(*(by_carrier[name].to_pylist() for name in ("carrier", "delay_sum")), strict=True))


@pytest.mark.real
@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_a_question_brings_the_columns_that_it_asks_for(platform: Platform, frameworks: Path, library: str) -> None:
    """The answer is right, and most bytes of the dataset stayed where they were."""
    with platform.mounted("flights") as mounted:
        before = mounted.brought_bytes
        assert json.loads(mounted.run(seen(frameworks), f"with_{library}.py")) == march_minutes()
        brought = mounted.brought_bytes - before
        size = sum(map(len, data.flights().values()))
        assert 0 < brought < size / 2
        # The count is of the dataset's bytes: who reads them all brings them all.
        assert int(mounted.node.output("sh", "-c", f"cat {mounted.pod.target('flights')}/* | wc -c")) == size
        assert mounted.brought_bytes - before >= size


@pytest.mark.real
def test_datasets_streams_shuffled_epochs(platform: Platform, frameworks: Path) -> None:
    """Each epoch has every row once, in an order of its own."""
    with platform.mounted("flights") as mounted:
        first, second = map(json.loads, mounted.run(seen(frameworks), "with_datasets.py").splitlines())
    table = data.flights_table()
    for epoch in (first, second):
        assert (epoch["rows"], epoch["minutes"]) == (table.num_rows, pc.sum(table["delay"]).as_py())
    in_order = table["flight"][: len(first["first"])].to_pylist()
    assert len({tuple(order) for order in (first["first"], second["first"], in_order)}) == 3


@pytest.mark.real
@pytest.mark.parametrize("copied", [False, True])
def test_webdataset_streams_shuffled_epochs(platform: Platform, frameworks: Path, *, copied: bool) -> None:
    """Each epoch has every sample once, in an order of its own: from the store, and from a copy of the node."""
    with platform.mounted("digits", copied=copied) as mounted:
        first, second = map(json.loads, mounted.run(seen(frameworks), "with_webdataset.py").splitlines())
    rows = len(data.images())
    for epoch in (first, second):
        expected = (rows, int(data.images().sum()), sum(row % 10 for row in range(rows)))
        assert (epoch["rows"], epoch["ink"], epoch["labels"]) == expected
    in_order = [f"{row:06}" for row in range(len(first["first"]))]
    assert len({tuple(order) for order in (first["first"], second["first"], in_order)}) == 3


def test_the_pages_show_the_very_files() -> None:
    """All of them, word by word."""
    pages = [(REPOSITORY / "docs" / name).read_text() for name in ("frameworks.md", "memory.md")]
    shown = {name: text for page in pages for name, text in _SHOWN.findall(page)}
    assert shown == {file.name: file.read_text() for file in EXAMPLES.glob("*.py")}
