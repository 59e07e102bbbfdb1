"""Sites, and what lies between them."""

from aiohttp import web

from moorage import wire
from moorage.errors import ForbiddenError, InputError
from moorage.kube import SITES
from moorage.sites import Inventory
from moorage_ui.handlers.answers import page
from moorage_ui.pages.sites import sites_content
from moorage_ui.parts import viewer_of


def add_routes(app: web.Application) -> None:
    """Register the routes of these pages."""
    app.router.add_get("/sites", _sites)


async def _sites(request: web.Request) -> web.Response:
    found, unread, problem = [], [], ""
    try:
        for raw in await viewer_of(request).client.list(SITES):
            try:
                found.append(wire.read_site(raw))
            except InputError as error:
                unread.append(str(error))
    except ForbiddenError as error:
        problem = f"You may not see the Sites: ask for a role that may, such as moorage-dataset-viewer. {error}"
    inventory = Inventory.of(found)
    numbers = {name: number for number, name in enumerate(sorted(inventory.sites))}
    return page(request, "Sites", "sites", sites_content(inventory, numbers, unread, problem))
