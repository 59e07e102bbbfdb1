"""`list`: the Datasets of a namespace, or of all."""

from collections.abc import Callable
from datetime import UTC, datetime

import click

from moorage import wire
from moorage.errors import InputError
from moorage.kube import DATASETS, Client, RawObject
from moorage.kube.client import Selection
from moorage.model import Dataset
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import MISSING, age, document, listed, output_option, table
from moorage_cli.sentences import words

Cell = Callable[[RawObject, Dataset], str]

_VERSION_LENGTH = 12


@click.command("list")
@click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")
@click.option("-l", "--selector", default="", help="Only Datasets with these labels, as team=fraud.")
@output_option("table", "wide", "json", "yaml", "name")
@target_options
@click.pass_context
def list_datasets(context: click.Context, *, all_namespaces: bool, selector: str, output: str) -> None:
    """List Datasets.

    \b
    kubectl dataset list -A
    kubectl dataset list -n steward -o wide
    """  # noqa: D301 - \b is what click needs
    items, namespace = target_of(context).ask(
        lambda client, own: _gather(client, "" if all_namespaces else own, selector)
    )
    if output in {"json", "yaml"}:
        document(listed(items), output)
    elif output == "name":
        for item in items:
            click.echo(f"dataset.moorage.dev/{item['metadata']['name']}")
    elif not items:
        where = f"in namespace {namespace}" if namespace else "in any namespace"
        click.echo(f"No Datasets {where}.", err=True)
    else:
        rows, problems = tell(items, datetime.now(tz=UTC), wide=output == "wide")
        header = ["NAMESPACE", *COLUMNS, *(WIDE_COLUMNS if output == "wide" else ())]
        start = 0 if all_namespaces else 1
        table(header[start:], [row[start:] for row in rows])
        for problem in problems:
            click.echo(problem, err=True)


async def _gather(client: Client, namespace: str, selector: str) -> tuple[list[RawObject], str]:
    items = await client.list(DATASETS, Selection(namespace=namespace, labels=selector))
    return items, namespace


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


def ready_word(item: RawObject) -> str:
    """`True`, `False: Reason` or `Unknown`."""
    for condition in (item.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready":
            status = str(condition.get("status"))
            return status if status == "True" else f"{status}: {condition.get('reason')}"
    return "Unknown"


def _number(value: int | None) -> str:
    return MISSING if value is None else str(value)


COLUMNS: dict[str, Cell] = {
    "NAME": lambda item, _: str(item["metadata"]["name"]),
    "READY": lambda item, dataset: "Terminating" if dataset.deleting else ready_word(item),
    "SITES": lambda _, dataset: ",".join(source.site or "(the only one)" for source in dataset.sources),
    "OBJECTS": lambda _, dataset: _number(dataset.status.objects),
    "SIZE": lambda _, dataset: (
        MISSING if dataset.status.size_bytes is None else wire.format_bytes(dataset.status.size_bytes)
    ),
    "FORMAT": lambda _, dataset: dataset.status.format or MISSING,
    "VERSION": lambda _, dataset: (dataset.status.version or MISSING)[:_VERSION_LENGTH],
    "AGE": lambda _item, _dataset: MISSING,  # filled in by who knows the time
}
WIDE_COLUMNS: dict[str, Cell] = {
    "CLASS": lambda _, dataset: dataset.governance.classification.word,
    "RESIDENCY": lambda _, dataset: _set(dataset.governance.residency),
    "PURPOSES": lambda _, dataset: _set(dataset.governance.purposes),
    "CONSUMERS": lambda _, dataset: (
        dataset.ref.namespace if dataset.governance.consumers is None else _set(dataset.governance.consumers)
    ),
    "USED BY": lambda _, dataset: str(len(dataset.status.in_use_by)),
}


def _set(values: frozenset[str] | None) -> str:
    return "any" if values is None else words(values).replace(" and ", ", ")
