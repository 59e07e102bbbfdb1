"""HTML that escapes by itself."""

import html
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_ui.markup import Markup, address, data_block, element, join
from tests.moorage_ui.stories import EVIL


class _Elements(HTMLParser):
    """Which elements there are, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(markup: str) -> _Elements:
    """As a browser would take it."""
    found = _Elements()
    found.feed(markup)
    found.close()
    return found


@given(st.text(), st.text())
def test_text_is_text(child: str, attribute: str) -> None:
    """Whatever is in a text or an attribute, there is one element with one attribute."""
    found = parsed(element("p", child, title=attribute))
    assert found.tags == ["p"]
    assert [name for name, _ in found.attributes] == ["title"]


def test_what_misleads_is_shown() -> None:
    """Control characters and those that turn the direction of writing stand as escapes."""
    assert "\\x1b" in element("p", EVIL)
    assert "\\u202e" in element("p", EVIL)
    assert "\x1b" not in element("p", EVIL)


def test_markup_stays_and_none_is_nothing() -> None:
    """What was made by the module is not escaped again; lists are flattened."""
    inner = element("b", "x")
    assert element("p", [inner, None, ["a", 1]], class_="c", hidden=False) == '<p class="c"><b>x</b>a1</p>'
    assert isinstance(join(inner), Markup)


@pytest.mark.parametrize(
    "where", ["javascript:alert(1)", "//evil.test/", "/\\evil.test", "https://evil.test", "data:,x"]
)
def test_addresses_lead_nowhere_else(where: str) -> None:
    """A link to another server, or to a script, is an error of ours, not something to send."""
    with pytest.raises(ValueError, match="another server"):
        element("a", "x", href=where)


@given(st.lists(st.text(min_size=1), min_size=1), st.text(min_size=1))
def test_an_address_is_a_path_of_this_server(parts: list[str], value: str) -> None:
    """Each part is one segment, whatever is in it, and a query adds none."""
    made = address(
        *(part.encode("utf-8", "replace").decode() for part in parts), q=value.encode("utf-8", "replace").decode()
    )
    assert made.partition("?")[0].count("/") == len(parts)
    assert element("a", "x", href=made) or made.startswith("//")


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_a_data_block_is_json_that_ends_where_it_should(value: object) -> None:
    """What a script reads is what was written, and nothing in it ends the element."""
    made = data_block("facts", value)
    content = made.partition(">")[2].rpartition("</script>")[0]
    assert "<" not in content
    assert json.loads(content) == value
    assert html.unescape(content) == content
