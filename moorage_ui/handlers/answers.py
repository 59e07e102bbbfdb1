"""A page as an answer."""

from typing import Any

from aiohttp import hdrs, web

from moorage_ui.assets import versions
from moorage_ui.markup import Content
from moorage_ui.pages.page import Frame, whole_page
from moorage_ui.parts import PARTS, viewer_of


def page(request: web.Request, title: str, section: str, content: list[Content], **frame: Any) -> web.Response:  # noqa: ANN401 - of Frame
    """Return a page for the person who asks."""
    made = Frame(
        title=title,
        section=section,
        who=viewer_of(request).name,
        signed_in=request.app[PARTS].gate.sign_in,
        versions=versions(),
        **frame,
    )
    return web.Response(body=whole_page(made, *content), headers={hdrs.CONTENT_TYPE: "text/html; charset=utf-8"})
