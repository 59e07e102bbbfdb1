"""Time: when the last task ends (the makespan), made by a schedule of the seconds of single tasks and transfers."""

from moorage.objectives.objective import Figure, Objective, Place, Way
from moorage.objectives.units import Unit

SECONDS_PER_HOUR = 3600.0


class _Time(Objective):
    name = "time"
    is_linear = False
    unit = Unit(is_duration=True)
    title = "Time"
    explained = "until the last task ends"
    told = "done in {}"
    better = "ends sooner"
    less = "ends before"
    computes_best = "fastest computing"

    def computing(self, cpu_hours: Figure, place: Place) -> Figure:  # noqa: ARG002 - the speed is counted already
        """Return the seconds of one core."""
        return cpu_hours * SECONDS_PER_HOUR

    def moving(self, size_bytes: Figure, way: Way) -> Figure:
        """Latency and transfer."""
        return way.latency_seconds + size_bytes / way.bytes_per_second


TIME = _Time()
