"""Carbon: grams of CO2-equivalent for the energy of cores and of the network."""

from moorage.objectives.objective import BYTES_PER_GB, Figure, Objective, Place, Way
from moorage.objectives.units import Unit


class _Carbon(Objective):
    name = "carbon"
    unit = Unit(steps=("g", "kg", "t"), small_steps=("µg", "mg", "g"))
    title = "Carbon"
    explained = "CO₂-equivalent"
    noun = "CO₂e"
    told = "{} CO₂e"
    better = "emits less"
    less = "emits less than"
    computes_best = "least carbon for computing"

    def computing(self, cpu_hours: Figure, place: Place) -> Figure:
        """Return the energy of busy cores, at the site's intensity."""
        return cpu_hours * place.kilowatts * place.grams_per_kwh

    def moving(self, size_bytes: Figure, way: Way) -> Figure:
        """Return the network's energy, at the mean intensity of the two ends."""
        grams_per_gb = way.kwh_per_gb * (way.origin.grams_per_kwh + way.target.grams_per_kwh) / 2
        return size_bytes / BYTES_PER_GB * grams_per_gb * way.crosses


CARBON = _Carbon()
