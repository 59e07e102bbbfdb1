"""Tensors of torch come back equal, unpickled and without a copy; what is written to them is the reader's alone."""

import json
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from moorage.memory import MemoryStore
from moorage.memory.layout import MAGIC, MemoryObjectError, UntrustedObjectError
from moorage.memory.objects import load, save

NUMBERS = torch.arange(24).reshape(2, 3, 4)
TENSORS: dict[str, torch.Tensor] = {
    **{str(dtype): NUMBERS.to(dtype) for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
        torch.float32, torch.float64, torch.complex64, torch.complex128,
    )},
    "no dimension": torch.tensor(1.5),
    "no values": torch.empty(3, 0, 2),
    "in another order": NUMBERS.transpose(0, 2),
    "a part": NUMBERS[:, 1:, ::2],
    "conjugated": torch.tensor([1 + 2j]).conj(),
    "the imaginary part of that": torch.tensor([1 + 2j]).conj().imag,
    "with a gradient": torch.ones(3, requires_grad=True),
}  # fmt: skip


@pytest.mark.parametrize("name", TENSORS)
def test_tensors(store: MemoryStore, tmp_path: Path, name: str) -> None:
    """Alone, among other things, and in a file; of the same type and shape, and without a warning."""
    tensor = TENSORS[name]
    store.put("value", tensor)
    store.put("nested", {"tensors": [tensor]})
    save(tmp_path / "value", tensor)
    for found in (store.get("value"), store.get("nested")["tensors"][0], load(tmp_path / "value")):
        assert type(found) is torch.Tensor
        assert (found.dtype, found.shape, found.requires_grad) == (tensor.dtype, tensor.shape, tensor.requires_grad)
        assert torch.equal(found, tensor)


def mapped(place: str) -> list[tuple[int, int]]:
    """From where to where the object's memory is mapped."""
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if f"{place}/value" in line]
    spans = [line.split()[0].split("-") for line in lines]
    return [(int(begin, 16), int(end, 16)) for begin, end in spans]


def test_nothing_is_copied(store: MemoryStore) -> None:
    """The values lie where the object lies."""
    store.put("value", {"weights": torch.arange(100_000)})
    found = store.get("value")["weights"]
    assert any(begin <= found.data_ptr() < end for begin, end in mapped(store.place))


def test_what_is_written_is_the_readers_alone(store: MemoryStore) -> None:
    """In place, as training does: no other reader sees it, and no process dies of it."""
    store.put("value", {"weights": torch.zeros(100_000)})
    mine, other = store.get("value")["weights"], store.get("value")["weights"]
    mine.add_(1)
    assert int(mine.sum()) == 100_000
    assert int(other.sum()) == int(store.get("value")["weights"].sum()) == 0


class Telling:
    """Unpickling it writes a byte to a file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return os.write, (self.descriptor, b"!")


def test_what_lies_beside_a_tensor_is_unpickled_once(store: MemoryStore, tmp_path: Path) -> None:
    """Though the object is opened twice."""
    with (tmp_path / "told").open("wb") as told:
        store.put("value", [Telling(told.fileno()), torch.ones(2)])
        store.get("value", trust=True)
    assert (tmp_path / "told").read_bytes() == b"!"


def test_weights_of_a_model(store: MemoryStore) -> None:
    """As a dict of tensors they need no trust."""
    layer, other = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
    store.put("weights", dict(layer.state_dict()))
    other.load_state_dict(store.get("weights"))
    assert torch.equal(other.weight, layer.weight)


@pytest.mark.parametrize("value", [torch.nn.Parameter(torch.ones(2)), torch.eye(3).to_sparse()], ids=["own", "sparse"])
def test_others_are_pickled(store: MemoryStore, value: torch.Tensor) -> None:
    """Subclasses, which may be more than they look, and what is not laid out in rows."""
    store.put("value", value)
    with pytest.raises(UntrustedObjectError):
        store.get("value")
    found = store.get("value", trust=True)
    assert type(found) is type(value)
    assert torch.equal(found.to_dense(), value.to_dense())


TRUE = {"kind": "tensor", "dtype": "float32", "shape": [2], "requires_grad": False, "buffer": 0}
LIES: dict[str, dict[str, Any]] = {
    "another size": TRUE | {"shape": [3]},
    "a size that is none": TRUE | {"shape": [-2]},
    "no shape": TRUE | {"shape": None},
    "too many dimensions": TRUE | {"shape": [1] * 65},
    "a dtype that is none": TRUE | {"dtype": "nn"},
    "no dtype": TRUE | {"dtype": ["float32"]},
    "a buffer that is not there": TRUE | {"buffer": 1},
    "whole numbers with a gradient": TRUE | {"dtype": "int32", "requires_grad": True},
    "nothing wrong": TRUE,
}


@pytest.mark.parametrize("are_written", [True, False])
@pytest.mark.parametrize("name", LIES)
def test_lies(
    store: MemoryStore,
    put_raw: Callable[[str, bytes], None],
    name: str,
    are_written: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Each is an error that names the object; and so is a tensor in an object that does not say that it has one."""
    description = json.dumps({"root": LIES[name], "sizes": [8], "are_written": are_written}).encode()
    head = MAGIC + len(description).to_bytes(8, "little") + description
    put_raw("lie", head + bytes(-len(head) % 64) + bytes(8))
    if name == "nothing wrong" and are_written:
        assert store.get("lie").tolist() == [0, 0]
        return
    with pytest.raises(MemoryObjectError, match="lie"):
        store.get("lie")


def test_random_edits(store: MemoryStore, put_raw: Callable[[str, bytes], None]) -> None:
    """Whatever a file holds gives a value or an error."""
    store.put("value", {"weights": torch.arange(20.0).reshape(4, 5), "none": torch.empty(0, 2)})
    whole, dice, refused = bytes(store._space.read("value")), random.Random(1), 0  # noqa: S311, SLF001 - as whoever lies
    for _ in range(500):
        bent = bytearray(whole)
        at = dice.randrange(len(bent))
        bent[at : at + 8] = dice.randbytes(8)
        put_raw("bent", bytes(bent))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                repr(store.get("bent"))
        except MemoryObjectError:
            refused += 1
    assert refused
