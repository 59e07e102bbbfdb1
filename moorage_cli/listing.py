"""`list`: the Datasets of a namespace, or of all."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from moorage import wire
from moorage.errors import ForbiddenError, InputError
from moorage.kube import DATASETS, Change, Client, RawObject, Reflector
from moorage.kube.client import Selection
from moorage.model import Dataset
from moorage.objectives import format_bytes
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import MISSING, age, document, listed, output_option, say, table
from moorage_cli.sentences import words

Cell = Callable[[RawObject, Dataset], str]

_VERSION_LENGTH = 12
_FIRST_SECONDS = 30.0


@click.command("list")
@click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")
@click.option("-l", "--selector", default="", help="Only Datasets with these labels, for example team=fraud.")
@click.option("-w", "--watch", is_flag=True, help="Keep running, and print each Dataset again when it changes.")
@output_option("table", "wide", "json", "yaml", "name")
@target_options
@click.pass_context
def list_datasets(context: click.Context, *, all_namespaces: bool, selector: str, watch: bool, output: str) -> None:
    """List Datasets.

    \b
    kubectl dataset list -A
    kubectl dataset list -n steward -o wide
    kubectl dataset list -A --watch
    """  # noqa: D301 - \b is what click needs
    if watch:
        if output not in {"table", "wide"}:
            raise click.UsageError("--watch works with -o table or -o wide only")
        follow = Following(every_namespace=all_namespaces, wide=output == "wide")
        target_of(context).ask(lambda client, own: follow.run(client, "" if all_namespaces else own, selector))
        return
    items, namespace = target_of(context).ask(
        lambda client, own: _gather(client, "" if all_namespaces else own, selector)
    )
    if output in {"json", "yaml"}:
        document(listed(items), output)
    elif output == "name":
        for item in items:
            say(f"dataset.moorage.dev/{item['metadata']['name']}")
    elif not items:
        where = f"in namespace {namespace}" if namespace else "in any namespace"
        say(f"No Datasets {where}.", err=True)
    else:
        rows, problems = tell(items, datetime.now(tz=UTC), wide=output == "wide")
        header = ["NAMESPACE", *COLUMNS, *(WIDE_COLUMNS if output == "wide" else ())]
        start = 0 if all_namespaces else 1
        table(header[start:], [row[start:] for row in rows])
        for problem in problems:
            say(problem, err=True)


async def _gather(client: Client, namespace: str, selector: str) -> tuple[list[RawObject], str]:
    """The Datasets, and where they were looked for.

    Raises:
        ForbiddenError: says what needs less right.
    """
    try:
        return await client.list(DATASETS, Selection(namespace=namespace, labels=selector)), namespace
    except ForbiddenError as error:
        instead = "" if namespace else ", or those of one namespace with -n NAMESPACE"
        hint = f"To see what your pods may read, use `kubectl dataset available`{instead}."
        raise ForbiddenError(f"{error}\n{hint}", status=error.status) from error


def tell(items: list[RawObject], now: datetime, *, wide: bool) -> tuple[list[list[str]], list[str]]:
    """The rows, namespace first, and what to say of Datasets that can't be understood."""
    rows: list[list[str]] = []
    problems: list[str] = []
    columns = [*COLUMNS.values(), *(WIDE_COLUMNS.values() if wide else ())]
    for item in items:
        metadata = item["metadata"]
        try:
            dataset = wire.read_dataset(item)
            cells = [cell(item, dataset) for cell in columns]
        except InputError as error:
            problems.append(str(error))
            cells = [metadata["name"], "False: can't be understood", *[MISSING] * (len(columns) - 2)]
        cells[list(COLUMNS).index("AGE")] = age(metadata.get("creationTimestamp"), now)
        rows.append([metadata.get("namespace", ""), *cells])
    return rows, problems


def ready_condition(item: RawObject) -> RawObject:
    """The condition `Ready`; empty where nobody has looked yet."""
    conditions: list[RawObject] = (item.get("status") or {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == "Ready"), {})


def ready_word(item: RawObject) -> str:
    """`True`, `False: Reason` or `Unknown`."""
    condition = ready_condition(item)
    status = str(condition.get("status") or "Unknown")
    return status if status == "True" or not condition else f"{status}: {condition.get('reason')}"


def _number(value: int | None) -> str:
    return MISSING if value is None else str(value)


COLUMNS: dict[str, Cell] = {
    "NAME": lambda item, _: str(item["metadata"]["name"]),
    "READY": lambda item, dataset: "Terminating" if dataset.deleting else ready_word(item),
    "SITES": lambda _, dataset: ",".join(source.site or "(the only one)" for source in dataset.sources),
    "OBJECTS": lambda _, dataset: _number(dataset.status.objects),
    "SIZE": lambda _, dataset: (
        MISSING if dataset.status.size_bytes is None else format_bytes(dataset.status.size_bytes)
    ),
    "FORMAT": lambda _, dataset: dataset.status.format or MISSING,
    "VERSION": lambda _, dataset: (dataset.status.version or MISSING)[:_VERSION_LENGTH],
    "AGE": lambda _item, _dataset: MISSING,  # filled in by who knows the time
}
WIDE_COLUMNS: dict[str, Cell] = {
    "ACCESS": lambda _, dataset: dataset.access.value,
    "CLASS": lambda _, dataset: dataset.governance.classification.word,
    "RESIDENCY": lambda _, dataset: _set(dataset.governance.residency),
    "PURPOSES": lambda _, dataset: _set(dataset.governance.purposes),
    "CONSUMERS": lambda _, dataset: (
        dataset.ref.namespace if dataset.governance.consumers is None else _set(dataset.governance.consumers)
    ),
    "USED BY": lambda _, dataset: str(dataset.status.in_use_count),
}


def _set(values: frozenset[str] | None) -> str:
    return "any" if values is None else words(values).replace(" and ", ", ")


class Following:
    """Prints Datasets as they change, until it is interrupted; columns stay as wide as the first rows made them."""

    def __init__(self, *, every_namespace: bool, wide: bool) -> None:
        self._start = 0 if every_namespace else 1
        self._wide = wide
        self._header = ["NAMESPACE", *COLUMNS, *(WIDE_COLUMNS if wide else ())][self._start :]
        self._widths = [len(name) for name in self._header]

    async def run(self, client: Client, namespace: str, selector: str) -> None:
        """Print what there is, then every change.

        Raises:
            KubeError: the API server refused; while it does not answer, it is asked again.
        """
        selection = Selection(namespace=namespace, labels=selector)
        changes: asyncio.Queue[RawObject] = asyncio.Queue()

        def take(change: Change[Kept]) -> None:
            if change.after is not None:
                changes.put_nowait(change.after.raw)

        async with Reflector(client, DATASETS, project=Kept, selection=selection, on_change=take) as reflector:
            await reflector.wait_synced(_FIRST_SECONDS)
            rows = self._rows([kept.raw for kept in reflector.snapshot().values()])
            self._widths = [max(map(len, column)) for column in zip(self._header, *rows, strict=True)]
            for row in [self._header, *rows]:
                self._print(row)
            while not changes.empty():
                changes.get_nowait()
            while True:
                for row in self._rows([await changes.get()]):
                    self._print(row)

    def _rows(self, items: list[RawObject]) -> list[list[str]]:
        rows, _ = tell(items, datetime.now(tz=UTC), wide=self._wide)
        return [row[self._start :] for row in rows]

    def _print(self, row: list[str]) -> None:
        cells = zip(row, self._widths, strict=True)
        say("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
        sys.stdout.flush()


@dataclass(frozen=True)
class Kept:
    """A raw Dataset, as a reflector keeps it."""

    raw: RawObject
