"""The table of ways to clusters, by the name that the hub's settings give."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline_executor.distribution.clusters import Engine, Surroundings
from pipeline_executor.distribution.kubeconfig import KubeconfigEngine
from pipeline_executor.distribution.ocm import OcmEngine

ENGINES: Final[Mapping[str, Callable[[Surroundings], Engine]]] = {
    "kubeconfig": KubeconfigEngine,
    "ocm": OcmEngine,
}


def parse_engines(text: str) -> tuple[str, ...]:
    """Read names of ways, separated by commas.

    Raises:
        ValueError: there is no such way.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names or not set(names) <= ENGINES.keys():
        message = f"must be one or several of {', '.join(ENGINES)}, separated by commas"
        raise ValueError(message)
    return names
