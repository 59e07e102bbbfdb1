"""The names on the page that a web server makes of a folder. Pure."""

from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

_MOST_NAME_BYTES = 1024


class _Links(HTMLParser):
    """A parser that collects the links of a page, and ignores whatever else is on it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def names_on(page: str, url: str) -> list[str]:
    """Return the names directly in the folder, each once, those of folders with a slash at their end.

    Links that lead elsewhere are no entries: to the parent, to another host, with a query as headings that sort have.
    Names that no file can have are left out, as a mount leaves them out.

    Args:
        page: HTML.
        url: the page's own, which ends with a slash.
    """
    links = _Links()
    links.feed(page)
    links.close()
    found: dict[str, None] = {}
    for link in links.found:
        name = _name(link, url)
        if name is not None:
            found[name] = None
    return list(found)


def _name(link: str, url: str) -> str | None:
    try:
        target, base = urlsplit(urljoin(url, link.strip())), urlsplit(url)
    except ValueError:
        return None
    if (target.scheme, target.netloc) != (base.scheme, base.netloc) or target.query or target.fragment:
        return None
    if not target.path.startswith(base.path):
        return None
    below = target.path[len(base.path) :]
    encoded = below.removesuffix("/")
    raw = unquote_to_bytes(encoded)
    unusable = not raw or "/" in encoded or b"/" in raw or b"\0" in raw or raw in {b".", b".."}
    if unusable or len(raw) > _MOST_NAME_BYTES:
        return None
    return raw.decode(errors="surrogateescape") + ("/" if below.endswith("/") else "")
