"""Tensors of torch on the CPU: their bytes as they are, read where they lie.

torch has no tensor that can't be written to: a write to one whose pages are mapped for reading kills the process. So an
object that holds tensors is read on private pages; what is written to them becomes the reader's own.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import torch

from moorage.memory.layout import MemoryObjectError, Node, Parts

_MOST_DIMENSIONS: Final = 64
# Those of a torch that does not know them yet are not read.
_NUMBERS: Final = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float8_e4m3fn", "float8_e5m2",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
_DTYPES: Final = {name: getattr(torch, name) for name in _NUMBERS if hasattr(torch, name)}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}


def write(value: Any, parts: Parts, inner: Callable[[Any], Node]) -> Node | None:  # noqa: ANN401 - of torch
    """What a tensor is; None for those of devices, sparse and quantized ones, parameters and other subclasses."""
    del inner
    if type(value) is not torch.Tensor or value.layout != torch.strided or value.device.type != "cpu":
        return None
    if value.dtype not in _NAMES:
        return None
    # What is conjugated, negated or not contiguous is copied here once, and comes back in C order.
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    row = plain.as_strided((plain.numel(),), (1,))  # one of a single element may have any stride, and counts as such
    parts.are_written = True
    return {
        "kind": "tensor",
        "dtype": _NAMES[value.dtype],
        "shape": list(value.shape),
        "requires_grad": bool(value.requires_grad),
        "buffer": parts.add(row.view(torch.uint8).numpy()),
    }


def read(node: Node, buffer: Callable[[object], memoryview], inner: Callable[[Node], Any]) -> Any:  # noqa: ANN401
    """The tensor. What is written to it goes to pages of this reader's own.

    Raises:
        MemoryObjectError: the description makes no sense.
    """
    del inner
    dtype, shape = _DTYPES.get(node["dtype"]), node["shape"]
    if dtype is None:
        raise MemoryObjectError(f"a tensor of {str(node['dtype'])[:40]} is not known to this torch")
    if len(shape) > _MOST_DIMENSIONS or not all(type(each) is int and 0 <= each < 2**62 for each in shape):
        raise MemoryObjectError("a tensor's shape makes no sense")
    content = buffer(node["buffer"])
    if math.prod(shape) * _item_bytes(dtype) != len(content):
        raise MemoryObjectError("a tensor has more or fewer bytes than its shape says")
    if not content:
        tensor = torch.empty(shape, dtype=dtype)
    elif content.readonly:
        raise MemoryObjectError("it holds a tensor, and does not say that its readers write to it")
    elif dtype is torch.bool and torch.frombuffer(content, dtype=torch.uint8).max() > 1:
        raise MemoryObjectError("a tensor of bool holds what is neither true nor false")
    else:
        tensor = torch.frombuffer(content, dtype=dtype).reshape(shape)
    return tensor.requires_grad_() if node["requires_grad"] is True else tensor


def _item_bytes(dtype: Any) -> int:  # noqa: ANN401 - of torch
    return int(torch.empty(0, dtype=dtype).element_size())
