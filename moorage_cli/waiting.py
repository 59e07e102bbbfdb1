"""`wait`: until a Dataset is ready, or gone."""

import asyncio
import re
import time

import click

from moorage.errors import InputError, NotFoundError
from moorage.kube import DATASETS, Client, RawObject
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.listing import ready_condition
from moorage_cli.output import sentence
from moorage_cli.running import REFUSED

_LOOK_SECONDS = 0.5
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|)")


def read_duration(text: str) -> float:
    """Seconds, of `30s`, `5m`, `1h` or a number of seconds.

    Raises:
        InputError: it is none of them.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InputError("wait", "--timeout", f"{text!r} is no duration: write 30s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]


@click.command(short_help="Wait until a Dataset is ready, or gone.")
@click.argument("name", type=DatasetName())
@click.option("--for", "what", type=click.Choice(["ready", "delete"]), default="ready", show_default=True)
@click.option("--timeout", default="60s", show_default=True, help="How long, as 30s, 5m or 1h.")
@target_options
@click.pass_context
def wait(context: click.Context, *, name: str, what: str, timeout: str) -> int:
    """Wait until a Dataset is ready, or gone. It need not exist yet.

    Exit code 1 where the time runs out; the last thing that is known is printed.

    \b
    kubectl dataset wait claims -n steward --timeout 5m
    kubectl dataset wait claims -n steward --for delete
    """  # noqa: D301 - \b is what click needs
    seconds = read_duration(timeout)

    async def until(client: Client, namespace: str) -> tuple[bool, str]:
        return await _until(client, namespace, name, what, time.monotonic() + seconds)

    done, told = target_of(context).ask(until)
    sentence(told)
    return 0 if done else REFUSED


async def _until(client: Client, namespace: str, name: str, what: str, end: float) -> tuple[bool, str]:
    while True:
        raw = await _find(client, namespace, name)
        done, told = _verdict(raw, f"Dataset {namespace}/{name}", what)
        if done or time.monotonic() >= end:
            return done, told
        await asyncio.sleep(_LOOK_SECONDS)


async def _find(client: Client, namespace: str, name: str) -> RawObject | None:
    try:
        return await client.get(DATASETS, name, namespace)
    except NotFoundError as error:
        if "page not found" in str(error):  # the resource itself is not there: no time will bring it
            raise
        return None


def _verdict(raw: RawObject | None, subject: str, what: str) -> tuple[bool, str]:
    if raw is None:
        return what == "delete", f"{subject} is gone." if what == "delete" else f"{subject} is not there."
    if what == "delete":
        return False, f"{subject} is still there."
    condition = ready_condition(raw)
    current = condition.get("observedGeneration") in (None, raw["metadata"].get("generation"))
    if condition.get("status") == "True" and current:
        return True, f"{subject} is ready."
    reason = condition.get("reason") or "nobody has looked at it yet"
    return False, f"{subject} is not ready ({reason}): {condition.get('message') or 'is the operator running?'}"
