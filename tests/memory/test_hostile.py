"""Objects that lie: whatever a file holds, a reader that trusts nobody gets a value or an error, and runs nothing."""

import json
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp

from moorage.memory import MemoryStore
from moorage.memory.layout import MAGIC, MemoryObjectError

Put = Callable[[str, bytes], None]
ROOT = Path(__file__).parents[2]
VALUES: dict[str, Any] = {
    "nested": {"a": [1, 2.5, None, (True, b"x")], "b": np.arange(20).reshape(4, 5)},
    "frame": pd.DataFrame({"i": [1, 2], "s": ["a", None], "c": pd.Categorical(["x", "y"])}),
    "sparse": sp.random_array((10, 10), density=0.3, format="csr"),
    "table": pa.table({"a": [1, 2], "s": ["a", None], "c": pa.array(["x", "y"]).dictionary_encode(), "l": [[1], None]}),
}
if find_spec("polars"):
    import polars as pl

    words = pl.Series(["x", "y"], dtype=pl.Categorical)
    VALUES["polars"] = pl.DataFrame(
        {"i": [1, None], "s": ["a", "no text that fits into a view"], "c": words, "l": [[1], None]}
    )
EDIT_MANY = """
import os, random, sys
from moorage.memory import MemoryStore
from moorage.memory.layout import MemoryObjectError
class Raw:
    def __init__(self, content):
        self.content, self.size_bytes = content, len(content)
    def write(self, descriptor):
        os.write(descriptor, self.content)
    def write_into(self, target):
        target[:] = self.content
store, dice, refused = MemoryStore(sys.argv[1]), random.Random(int(sys.argv[2])), 0
for name in [each for each in store.names() if not each.startswith("bent")]:
    whole = bytes(store._space.read(name))
    for _ in range(int(sys.argv[3])):
        bent = bytearray(whole)
        match dice.randrange(3):
            case 0:
                del bent[dice.randrange(1, len(bent)) :]
            case 1:
                bent[dice.randrange(len(bent))] = dice.randrange(256)
            case _:
                at = dice.randrange(len(bent))
                bent[at : at + 8] = dice.randbytes(8)
        store._space.write("bent", Raw(bent))
        try:
            repr(store.get("bent"))
        except MemoryObjectError:
            refused += 1
print(refused)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_random_edits(store: MemoryStore, seed: int) -> None:
    """In a process of its own, which must not die of them: 1,200 edits of objects of all kinds."""
    edits = 30 if store.place.startswith("vineyard:") else 300  # what is read is the same bytes, and takes longer
    for name, value in VALUES.items():
        store.put(name, value)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EDIT_MANY, store.place, str(seed), str(edits)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > edits


def crafted(root: object, *buffers: bytes, sizes: list[Any] | None = None) -> bytes:
    """An object with any description."""
    described = {"root": root, "sizes": sizes if sizes is not None else [len(buffer) for buffer in buffers]}
    description = json.dumps(described).encode()
    head = MAGIC + len(description).to_bytes(8, "little") + description
    content = head + b"\0" * (-len(head) % 64)
    for buffer in buffers:
        content += buffer + b"\0" * (-len(buffer) % 64)
    return content


DEEP: Any = {"kind": "plain", "value": 1}
for _ in range(200):
    DEEP = {"kind": "list", "items": [DEEP]}
BYTES = b"\0" * 64
ARRAY = {"kind": "array", "dtype": "<i8", "shape": [8], "fortran": False, "buffer": 0}
LIES: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"hello",
    "a description without end": MAGIC + (2**62).to_bytes(8, "little"),
    "a buffer beyond the end": crafted({"kind": "plain", "value": 1}, sizes=[2**40]),
    "a negative buffer": crafted({"kind": "plain", "value": 1}, sizes=[-1]),
    "buffers that are none": crafted({"kind": "plain", "value": 1}, sizes=["a"]),
    "a kind that is none": crafted({"kind": "os.system", "value": "true"}),
    "a kind that is no text": crafted({"kind": ["list"]}),
    "a plain value that is none": crafted({"kind": "plain", "value": {"a": 1}}),
    "no description": crafted([]),
    "too deep": crafted(DEEP),
    "a number without end": crafted({"kind": "int", "hex": "f" * 100_000}),
    "an array of addresses": crafted({**ARRAY, "dtype": "|O"}, BYTES),
    "an array of records": crafted({**ARRAY, "dtype": "O,O", "shape": [4]}, BYTES),
    "an array that is too large": crafted({**ARRAY, "shape": [2**61, 8]}, BYTES),
    "an array of negative size": crafted({**ARRAY, "shape": [-8, -1]}, BYTES),
    "an array without a buffer": crafted({**ARRAY, "buffer": 7}, BYTES),
    "a sparse matrix whose indexes lead out of it": crafted(
        {
            "kind": "sparse", "format": "csr", "is_array": True, "shape": [1, 8],
            "parts": [
                {"kind": "array", "dtype": "<f8", "shape": [1], "fortran": False, "buffer": 0},
                {"kind": "array", "dtype": "<i4", "shape": [1], "fortran": False, "buffer": 1},
                {"kind": "array", "dtype": "<i4", "shape": [2], "fortran": False, "buffer": 2},
            ],
        },
        b"\0" * 8, (1 << 30).to_bytes(4, "little"), b"\0\0\0\0\1\0\0\0",
    ),
    "categories that are not there": crafted(
        {
            "kind": "series", "name": {"kind": "plain", "value": None}, "attrs": {"kind": "dict", "items": []},
            "index": {"as": "range", "ends": [0, 8, 1], "name": {"kind": "plain", "value": None}},
            "values": {
                "as": "category", "ordered": False,
                "codes": {"kind": "array", "dtype": "|i1", "shape": [8], "fortran": False, "buffer": 0},
                "categories": {"as": "range", "ends": [0, 2, 1], "name": {"kind": "plain", "value": None}},
            },
        },
        b"\7" * 8,
    ),
    "Arrow without content": b"ARROW1\0\0ARROW1",
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_lies(store: MemoryStore, put_raw: Put, name: str) -> None:
    """Each is an error that names the object."""
    put_raw("lie", LIES[name])
    with pytest.raises(MemoryObjectError, match="lie"):
        store.get("lie")


def test_nothing_is_run_for_those_who_trust_nobody(store: MemoryStore, put_raw: Put, tmp_path: Path) -> None:
    """Wherever the pickle stands."""
    mark = tmp_path / "was-run"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    content = pickle.dumps(Evil())
    pickled = {"kind": "pickle", "content": 0, "beside": []}
    name = {"kind": "plain", "value": None}
    for root in (
        pickled,
        {"kind": "list", "items": [pickled]},
        {
            "kind": "series", "name": pickled, "attrs": name, "values": {"as": "object", "values": pickled},
            "index": {"as": "object", "values": pickled},
        },
    ):  # fmt: skip
        put_raw("evil", crafted(root, content))
        with pytest.raises(MemoryObjectError, match="say trust=True"):
            store.get("evil")
        assert not mark.exists()
    put_raw("evil", crafted(pickled, content))
    store.get("evil", trust=True)
    assert mark.exists()


def test_numbers_at_random(store: MemoryStore, put_raw: Put) -> None:
    """Bytes that are nothing at all."""
    dice = random.Random(7)  # noqa: S311 - no secret
    for _ in range(200):
        put_raw("noise", dice.choice([b"", MAGIC, b"ARROW1\0\0"]) + dice.randbytes(dice.randrange(1, 300)))
        with pytest.raises(MemoryObjectError):
            store.get("noise")
