"""The layout of every page: head, top bar and foot."""

from dataclasses import dataclass

from moorage_ui.markup import Content, Markup, address, data_block, document, element, join

_SECTIONS = (("Runs", "runs"), ("Datasets", "datasets"), ("Sites", "sites"))
_LOGO = (
    ("circle", {"cx": "5", "cy": "12", "r": "3"}),
    ("circle", {"cx": "19", "cy": "5", "r": "3"}),
    ("circle", {"cx": "19", "cy": "19", "r": "3"}),
    ("path", {"d": "M8 11 16 6M8 13l8 5"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The frame of a page, around its content.

    Attributes:
        title: the title of the window.
        section: `runs`, `datasets` or `sites`; "": none.
        who: whose eyes it is made for; "": a stranger's.
        signed_in: whether they may sign out.
        live: the stream that tells when it changes; "": none.
        scripts: of ours, besides those that every page has.
        drawing: facts of a plan that is drawn.
        whole: what tells a page whose parts can be exchanged from one that has to be read as a whole.
        versions: of the files that pages load: their names with what tells them from older ones.
    """

    title: str
    section: str = ""
    who: str = ""
    signed_in: bool = False
    live: str = ""
    scripts: tuple[str, ...] = ()
    drawing: object = None
    whole: str = ""
    versions: str = ""


def whole_page(frame: Frame, *content: Content) -> bytes:
    """Render a whole page."""

    def asset(name: str) -> str:
        return address("assets", name, v=frame.versions)

    scripts = [*(("live.js",) if frame.live else ()), *frame.scripts]
    return document(
        element(
            "html",
            element(
                "head",
                element("meta", charset="utf-8"),
                element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                element("meta", name="color-scheme", content="light dark"),
                element("title", f"{frame.title} · Moorage"),
                element("link", rel="icon", href=asset("icon.svg")),
                element("link", rel="stylesheet", href=asset("drawing.css")),
                element("link", rel="stylesheet", href=asset("ui.css")),
                element("script", src=asset("theme.js")),
            ),
            element(
                "body",
                element("a", "Skip to the content", class_="skip", href="#main"),
                _bar(frame),
                element("main", *content, id="main", class_="wide", tabindex="-1"),
                element(
                    "aside",
                    id="panel",
                    class_="panel",
                    role="dialog",
                    aria_labelledby="panel-title",
                    tabindex="-1",
                    hidden=True,
                )
                if frame.drawing is not None
                else None,
                element("p", id="spoken", class_="hidden", role="status"),
                data_block("facts", frame.drawing) if frame.drawing is not None else None,
                *(element("script", src=asset(name), defer=True) for name in scripts),
                data_live=frame.live or None,
                data_whole=frame.whole or None,
            ),
            lang="en",
        )
    )


def part(identity: str, *content: Content, class_: str = "") -> Markup:
    """Render an element that is replaced when the page refreshes itself."""
    return element("div", *content, id=identity, class_=class_ or None, data_part=True)


def crumbs(*steps: tuple[str, str]) -> Markup:
    """Render the breadcrumbs; each step is a text and an address, "" for none."""
    made = [element("a", text, href=where) if where else element("span", text) for text, where in steps]
    return element("p", *(join(" / " if index else "", each) for index, each in enumerate(made)), class_="eyebrow")


def _bar(frame: Frame) -> Markup:
    logo = element(
        "svg", *(element(tag, **attributes) for tag, attributes in _LOGO), viewBox="0 0 24 24", width="20", height="20",
        aria_hidden="true",
    )  # fmt: skip
    half = element(
        "svg", element("circle", cx="12", cy="12", r="8"), element("path", class_="half", d="M12 4a8 8 0 0 1 0 16z"),
        viewBox="0 0 24 24", width="18", height="18", aria_hidden="true",
    )  # fmt: skip
    links = [
        element("a", title, href=address(path), aria_current="page" if path == frame.section else None)
        for title, path in _SECTIONS
    ]
    leave = element(
        "form", element("button", "Sign out", type="submit", class_="link"), method="post", action="/sign-out"
    )
    return element(
        "header",
        element(
            "div",
            element("a", logo, "Moorage", class_="brand", href="/"),
            element("nav", *links, aria_label="Sections") if frame.who else None,
            element(
                "span",
                element("span", frame.who, class_="who", title=frame.who),
                leave if frame.signed_in else None,
                class_="me",
            )
            if frame.who
            else None,
            element(
                "button", half, id="theme", class_="icon", type="button", aria_label="Switch between light and dark"
            ),
            class_="wide",
        ),
        class_="bar",
    )
