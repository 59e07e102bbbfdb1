"""Money: what CPU-hours and traffic between sites cost, in the currency of the sites' prices."""

from moorage.objectives.objective import BYTES_PER_GB, Figure, Objective, Place, Way
from moorage.objectives.units import Unit


class _Money(Objective):
    name = "money"
    unit = Unit(is_money=True)
    title = "Money"
    explained = "computing and transfers"
    noun = "money"
    told = "it costs {}"
    better = "is cheaper"
    less = "costs less than"
    computes_best = "cheapest computing"

    def computing(self, cpu_hours: Figure, place: Place) -> Figure:
        """Hours at the site's price."""
        return cpu_hours * place.cpu_hour_price

    def moving(self, size_bytes: Figure, way: Way) -> Figure:
        """Return bytes at the link's price."""
        return size_bytes / BYTES_PER_GB * way.price_per_gb


MONEY = _Money()
