"""Pins are read strictly and spread over layers that images share."""

import pytest

from devcluster.images.recipes import WHEEL_LAYERS
from devcluster.images.wheels import pins, spread
from moorage.errors import DevClusterError

_A, _B = "--hash=sha256:aa", "--hash=sha256:bb"


def test_pins_are_read_with_their_hashes() -> None:
    """Continuation lines are joined; comments and empty lines are no pins."""
    text = f"# a comment\n\naiohttp==3.14.5 \\\n    {_A} \\\n    {_B}\n"
    text += f"pyarrow==26.0.1 ; python_version < '4' \\\n    {_A}\n"
    assert pins(text) == {
        "aiohttp": f"aiohttp==3.14.5 {_A} {_B}",
        "pyarrow": f"pyarrow==26.0.1 ; python_version < '4' {_A}",
    }


def test_a_project_with_two_versions_keeps_both() -> None:
    """Which of them an image gets is told by their conditions, and it must not get none."""
    older = "numpy==2.4.6 ; python_full_version < '3.12' --hash=sha256:aa"
    newer = "numpy==2.5.5 ; python_full_version >= '3.12' --hash=sha256:bb"
    assert pins(f"{older}\n{newer}\n") == {"numpy": f"{older}\n{newer}"}


@pytest.mark.parametrize(
    "line", ["aiohttp", "aiohttp>=3 " + _A, "aiohttp==3.14.5", "--index-url https://example.org/simple", "-r other.txt"]
)
def test_what_is_not_pinned_is_refused(line: str) -> None:
    """A line without exact version or hash would make the image depend on the day."""
    with pytest.raises(DevClusterError, match="make requirements"):
        pins(line + "\n")


def _pin(name: str, version: str = "1", marker: str = "") -> dict[str, str]:
    return {name: f"{name}=={version} {marker}{_A}"}


@pytest.mark.parametrize(
    ("wanted", "common", "layers"),
    [
        pytest.param(_pin("a"), _pin("a"), [["a"]], id="only what is common"),
        pytest.param(_pin("a") | _pin("z"), _pin("a"), [["a"], ["z"]], id="the common first"),
        pytest.param(_pin("pyarrow") | _pin("a"), _pin("b"), [["pyarrow"], ["a"]], id="the large alone"),
        pytest.param(_pin("a", "2") | _pin("z"), _pin("a", "1"), [["a", "z"]], id="another version is not common"),
        pytest.param(_pin("z"), _pin("a"), [["z"]], id="nothing in common"),
        pytest.param(
            _pin("a") | _pin("z"), _pin("a", marker="; python_version < '3.13' "), [["a"], ["a", "z"]],
            id="under another condition it is in both",
        ),
    ],
)  # fmt: skip
def test_pins_are_spread_over_layers(wanted: dict[str, str], common: dict[str, str], layers: list[list[str]]) -> None:
    """Layers that are shared most come first; together they hold everything that is wanted."""
    assert [list(part) for part in spread(wanted, common, WHEEL_LAYERS)] == layers
