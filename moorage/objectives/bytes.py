"""Bytes moved from one site to another; computing moves none."""

from moorage.objectives.objective import Figure, Objective, Place, Way
from moorage.objectives.units import Unit


class _Bytes(Objective):
    name = "bytes"
    unit = Unit(steps=("B", "kB", "MB", "GB", "TB", "PB"))
    title = "Bytes moved"
    explained = "between sites"
    told = "{} move between sites"
    better = "moves fewer bytes"
    less = "moves less than"
    computes_best = "fewest bytes for computing"

    def computing(self, cpu_hours: Figure, place: Place) -> Figure:  # noqa: ARG002 - whatever the site
        """Return zero: computing moves no bytes."""
        return cpu_hours * 0.0

    def moving(self, size_bytes: Figure, way: Way) -> Figure:
        """Return all of them, if they cross."""
        return size_bytes * way.crosses


BYTES = _Bytes()
