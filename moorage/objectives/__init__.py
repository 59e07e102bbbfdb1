"""The objectives that a placement can minimise: one file each, with its terms, its unit and its words.

`objective` says what an objective is and what its terms may depend on, `units` how a figure is written. A further
objective is a file here and a line in the table below, its name in plan.schema.json, and a definition of its own in
`pipeline_splitter/checking`, which recomputes plans and therefore takes nothing from here.

Pure; part of the domain. The formulas take numbers or arrays of numbers alike, and import no array library.
"""

from moorage.objectives.bytes import BYTES
from moorage.objectives.carbon import CARBON
from moorage.objectives.money import MONEY
from moorage.objectives.objective import Figure, Objective, Place, Way
from moorage.objectives.time import TIME
from moorage.objectives.units import TIGHT

OBJECTIVES: dict[str, Objective] = {each.name: each for each in (BYTES, MONEY, CARBON, TIME)}
"""All objectives by name, in the order in which plans and tables list them."""


def format_bytes(size_bytes: int) -> str:
    """Format a size for terminals and messages in the units of plans and prices: `1.2 GB`, three significant digits."""
    return BYTES.unit.amount(size_bytes).replace(TIGHT, " ")


def linear() -> tuple[Objective, ...]:
    """Return those that are sums over tasks and transfers."""
    return tuple(each for each in OBJECTIVES.values() if each.is_linear)


def priced() -> tuple[Objective, ...]:
    """Return those whose share of a transfer is written down beside its bytes and seconds."""
    return tuple(each for each in linear() if each is not BYTES)


__all__ = [
    "BYTES",
    "CARBON",
    "MONEY",
    "OBJECTIVES",
    "TIME",
    "Figure",
    "Objective",
    "Place",
    "Way",
    "format_bytes",
    "linear",
    "priced",
]
