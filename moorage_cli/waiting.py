"""`wait`: until a Dataset is ready, or gone."""

import asyncio
import contextlib

import click

from moorage.errors import InputError
from moorage.kube import DATASETS, Client, RawObject, Reflector
from moorage.kube.client import Selection
from moorage.reading.duration import parse_seconds
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.listing import Kept, ready_condition
from moorage_cli.output import sentence
from moorage_cli.running import REFUSED

_LONGEST_SECONDS = 365 * 24 * 3600


def read_timeout(text: str) -> float:
    """Seconds, of `30s`, `5m`, `1h` or a number of seconds.

    Raises:
        InputError: it is none of them.
    """
    try:
        seconds = parse_seconds(text, as_kubectl=True)
    except ValueError as error:
        raise InputError("wait", "--timeout", str(error)) from None
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise InputError("wait", "--timeout", f"must be from 0 to {_LONGEST_SECONDS // 3600}h")
    return float(seconds)


@click.command(short_help="Wait until a Dataset is ready, or gone.")
@click.argument("name", type=DatasetName())
@click.option("--for", "what", type=click.Choice(["ready", "delete"]), default="ready", show_default=True)
@click.option("--timeout", default="60s", show_default=True, help="How long to wait: 30s, 5m, 1h.")
@target_options
@click.pass_context
def wait(context: click.Context, *, name: str, what: str, timeout: str) -> int:
    """Wait until a Dataset is ready, or gone. It need not exist yet.

    Exit code 1 if the time runs out; the last known state is printed.

    \b
    kubectl dataset wait claims -n steward --timeout 5m
    kubectl dataset wait claims -n steward --for delete
    """  # noqa: D301 - \b is what click needs
    seconds = read_timeout(timeout)

    async def until(client: Client, namespace: str) -> tuple[bool, str]:
        return await _until(client, namespace, name, what, seconds)

    done, told = target_of(context).ask(until)
    sentence(told)
    return 0 if done else REFUSED


async def _until(client: Client, namespace: str, name: str, what: str, seconds: float) -> tuple[bool, str]:
    """Follow the one Dataset until it is as wanted, or the time is up."""
    end = asyncio.get_running_loop().time() + seconds
    subject, changed = f"Dataset {namespace}/{name}", asyncio.Event()
    selection = Selection(namespace=namespace, fields=f"metadata.name={name}")
    raw = next(iter(await client.list(DATASETS, selection)), None)  # what can't be read at all is told at once
    done, told = _verdict(raw, subject, what)
    if done or seconds == 0:
        return done, told
    reflector = Reflector(client, DATASETS, project=Kept, selection=selection, on_change=lambda _: changed.set())
    async with reflector:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await reflector.synced.wait()
                while not done:
                    changed.clear()
                    kept = reflector.snapshot().get((namespace, name))
                    done, told = _verdict(None if kept is None else kept.raw, subject, what)
                    if not done:
                        await changed.wait()
    return done, told


def _verdict(raw: RawObject | None, subject: str, what: str) -> tuple[bool, str]:
    if raw is None:
        return what == "delete", f"{subject} is gone." if what == "delete" else f"{subject} does not exist."
    if what == "delete":
        return False, f"{subject} is still there."
    condition = ready_condition(raw)
    current = condition.get("observedGeneration") in (None, raw["metadata"].get("generation"))
    if condition.get("status") == "True" and current:
        return True, f"{subject} is ready."
    reason = condition.get("reason") or "the operator has not looked at it yet"
    return False, f"{subject} is not ready ({reason}): {condition.get('message') or 'is the operator running?'}"
