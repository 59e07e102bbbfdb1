"""The error page: the problem and the remedy."""

from moorage_ui.markup import Content, element
from moorage_ui.pages.words import note

_TITLES = {
    400: "That address can't be read",
    401: "Nobody is signed in",
    403: "You may not see that",
    404: "There is no such thing",
    422: "That can't be read",
    429: "Too many pages at once",
    503: "The cluster does not answer",
}
_REMEDIES = {
    403: "Ask whoever manages the cluster for a role that may, such as moorage-run-viewer.",
    404: "It may have been deleted, or it is in another namespace.",
    503: "Reload the page in a moment.",
}


def problem_content(status: int, text: str, who: str) -> list[Content]:
    """Return the page's content."""
    remedy = _REMEDIES.get(status, "") if who or status != 403 else ""  # noqa: PLR2004
    return [
        element(
            "section",
            element("p", str(status), class_="eyebrow"),
            element("h1", _TITLES.get(status, "That did not work")),
            element("p", remedy, class_="proven") if remedy else None,
            note(text),
            class_="top",
        )
    ]
