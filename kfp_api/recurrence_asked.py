"""The trigger of a recurring run: from a request to fields of a PipelineSchedule. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from kfp_api.answers import invalid
from kfp_api.requests import Body
from moorage.errors import InputError
from moorage.runs.cron import Timing
from moorage.wire.schedules import read_time, write_time

MOST_CONCURRENT: Final = 100
MOST_CAUGHT_UP: Final = 100
MOST_KEPT: Final = 1000
"""Runs of one recurring run that are kept, successes and failures each: Kubeflow Pipelines keeps all."""
_MODES: Final = {"ENABLE": False, "DISABLE": True, "MODE_UNSPECIFIED": False, "": False}
_PLACEHOLDER: Final = "[["


def schedule_of(body: Body) -> dict[str, Any]:
    """Return the timing fields of a PipelineSchedule's spec.

    Raises:
        RequestError: the trigger can't be used; names the field and the remedy.
    """
    trigger = body.sub("trigger")
    cron, periodic = trigger.sub("cron_schedule"), trigger.sub("periodic_schedule")
    if bool(cron.raw) == bool(periodic.raw):
        raise invalid("trigger: give either cron_schedule or periodic_schedule")
    chosen = cron if cron.raw else periodic
    spec: dict[str, Any] = {}
    for key, name in (("start_time", "startTime"), ("end_time", "endTime")):
        if text := chosen.text(key, 64):
            time = read_time(text)
            if time is None:
                raise invalid(f"trigger: {key}: must be a time such as 2026-12-01T00:00:00Z")
            spec[name] = write_time(time)
    if spec.get("startTime", "") > spec.get("endTime", "9999"):
        raise invalid("trigger: end_time: must not be before start_time")
    if periodic.raw:
        spec["everySeconds"] = whole(periodic, "interval_second", 1, 315_360_000)
        return spec
    # A question mark is what Kubeflow's cron has for a star.
    spec["schedule"] = cron.text("cron", 256, required=True).strip().replace("?", "*")
    try:
        Timing(spec["schedule"]).check("trigger")
    except InputError as error:
        raise invalid(f"trigger.cron_schedule.cron: {error}") from None
    return spec


def policy_of(body: Body) -> dict[str, Any]:
    """Return the policy on concurrent runs and missed times, as fields of a PipelineSchedule's spec.

    Raises:
        RequestError: one can't be used.
    """
    mode = body.text("mode").upper()
    if mode not in _MODES:
        raise invalid("mode: must be ENABLE or DISABLE")
    no_catchup = body.raw.get("no_catchup")
    if no_catchup is not None and not isinstance(no_catchup, bool):
        raise invalid("no_catchup: must be true or false")
    given = body.raw.get("max_concurrency")
    spec: dict[str, Any] = {
        "maxActiveRuns": 1 if given is None else whole(body, "max_concurrency", 1, MOST_CONCURRENT),
        "catchUp": 0 if no_catchup else MOST_CAUGHT_UP,
        "successfulRunsHistoryLimit": MOST_KEPT,
        "failedRunsHistoryLimit": MOST_KEPT,
    }
    return spec | ({"suspend": True} if _MODES[mode] else {})


def whole(body: Body, key: str, least: int, most: int) -> int:
    """Return a whole number, as JSON of protobuf writes it: a text perhaps.

    Raises:
        RequestError: it is none, or out of bounds.
    """
    value = body.raw.get(key)
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not text.isdecimal() or not text.isascii() or len(text) > len(str(most)) or not least <= int(text) <= most:
        raise invalid(f"{key}: must be a whole number from {least} to {most}")
    return int(text)


def refuse_placeholders(parameters: Mapping[str, Any]) -> None:
    """Refuse `[[ScheduledTime]]` and the like, which Kubeflow Pipelines fills in and this server does not.

    Raises:
        RequestError: a parameter holds one.
    """
    for name, value in parameters.items():
        if isinstance(value, str) and _PLACEHOLDER in value and "]]" in value:
            problem = "placeholders are not filled in: read the annotation moorage.dev/scheduled-at of the run instead"
            raise invalid(f"runtime_config.parameters.{name[:80]}: {problem}")
