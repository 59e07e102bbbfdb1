"""The sign-in page, where a token is entered."""

from moorage_ui.markup import Content, element
from moorage_ui.pages.words import note


def sign_in_content(problem: str) -> list[Content]:
    """Return the page's content."""
    field = element("textarea", name="token", aria_label="Token", autocomplete="off", spellcheck="false", required=True)
    return [
        element(
            "section",
            element("p", "Moorage", class_="eyebrow"),
            element("h1", "Sign in with a token of this cluster"),
            element(
                "p", "You see what your roles in Kubernetes show you, and nothing is changed here.", class_="proven"
            ),
            note(problem, tone="bad") if problem else None,
            class_="top",
        ),
        element(
            "form",
            field,
            element("button", "Sign in", type="submit"),
            element("p", "A service account's token, for an hour:", class_="quiet after"),
            element("pre", "kubectl create token ACCOUNT -n NAMESPACE --duration=1h", class_="log-box"),
            class_="card sign-in",
            method="post",
            action="/sign-in",
        ),
    ]
