"""The handlers of Datasets: the list and one Dataset."""

from aiohttp import web

from moorage import wire
from moorage.errors import ForbiddenError
from moorage.kube import DATASETS
from moorage.policy import decide_transfer
from moorage_ui.asking import name_of, namespace_of, told
from moorage_ui.handlers.answers import page
from moorage_ui.handlers.runs import first_namespace, namespaces_of, sites_of
from moorage_ui.pages.datasets import DatasetPage, dataset_content, datasets_content
from moorage_ui.parts import viewer_of
from moorage_ui.tables import read_table
from moorage_ui.views.dataset_rows import DatasetRow, read_dataset_rows
from moorage_ui.views.raw import items, mapping, text
from moorage_ui.views.run import Condition


def add_routes(app: web.Application) -> None:
    """Register the routes of these pages."""
    app.router.add_get("/datasets", _datasets)
    app.router.add_get("/datasets/{namespace}/{name}", _dataset)


async def _datasets(request: web.Request) -> web.Response:
    viewer = viewer_of(request)
    namespace, words = namespace_of(request), told(request, "words", 120)
    if "namespace" not in request.query:
        namespace = await first_namespace(viewer.client, viewer.namespace, DATASETS)
    rows: list[DatasetRow] = []
    problem = ""
    try:
        found = await read_table(viewer.client, DATASETS, namespace)
        rows = read_dataset_rows(found.pages)
    except ForbiddenError as error:
        problem = f"You may not list Datasets there: choose a namespace of yours, or ask for a role that may. {error}"
    content = datasets_content(rows, namespace, await namespaces_of(viewer.client), words, problem)
    return page(request, "Datasets", "datasets", content)


async def _dataset(request: web.Request) -> web.Response:
    client = viewer_of(request).client
    raw = await client.get(DATASETS, name_of(request), namespace_of(request))
    dataset = wire.read_dataset(raw)
    inventory = await sites_of(client)
    conditions = tuple(
        Condition(*(text(each.get(key), 2048) for key in ("type", "status", "reason", "message")))
        for each in items(mapping(raw.get("status")).get("conditions"))
    )
    shown = DatasetPage(
        dataset=dataset,
        conditions=conditions,
        decisions={
            name: decide_transfer(dataset.ref, dataset, inventory.place(name), inventory) for name in inventory.sites
        },
        numbers={name: number for number, name in enumerate(sorted(inventory.sites))},
    )
    return page(request, dataset.ref.name, "datasets", dataset_content(shown))
