"""What proves a bound over a core."""

from dataclasses import dataclass

from pipeline_splitter.problem import Floats


@dataclass(frozen=True, slots=True)
class Multipliers:
    """What proves a bound over the core: psi of made entries, what each entry carries (bytes, or cost)."""

    messages: Floats
    loads: Floats
    given_loads: Floats
