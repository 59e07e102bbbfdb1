"""Names in the files of groups: valid, readable, the same in every group, and each only once."""

import hashlib
import re
from collections.abc import Iterable

_LONGEST = 100
_DIGEST_LENGTH = 8


def shortened(text: str) -> str:
    """Return `text`, or where it is too long for Argo's names its beginning and a digest of it."""
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{text[: _LONGEST - _DIGEST_LENGTH - 1].rstrip('-_')}-{digest}"


def task_name(path: str) -> str:
    """Return a task's name in a flat pipeline: `train/evaluate` becomes `train-evaluate`; a name at the root stays."""
    if "/" not in path:
        return path
    return shortened(re.sub(r"[^0-9A-Za-z]+", "-", path).strip("-").lower() or "task")


def parameter_name(text: str) -> str:
    """Return a parameter's or an output's name, such as Python takes for an argument: `train/evaluate.model` becomes
    `train_evaluate_model`.

    No hyphens: kfp reads meaning into `-Output` and `--` in the names of parameters.
    """  # noqa: D205 - the summary with its example takes two lines
    name = shortened(re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_") or "value").replace("-", "_")
    return f"n_{name}" if name[0].isdigit() else name


class Names:
    """The names in use. The first who wants a name has it, later ones get a number behind it."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def take(self, wanted: str, joiner: str = "-") -> str:
        """Take `wanted`, or with the least number from 2 that makes it new."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}{joiner}{number}", number + 1
        self._taken.add(name)
        return name
