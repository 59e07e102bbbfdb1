"""Raw values of any kind are read, or refused with the field."""

from typing import Any

import pytest

from moorage import wire
from moorage.errors import InputError


def raw_dataset(**governance: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A Dataset with this governance."""
    spec = {"sources": [{"site": "eu-1", "nfs": {"server": "nfs.example.com", "path": "/claims"}}]}
    return {"kind": "Dataset", "metadata": {"name": "claims"}, "spec": {**spec, "governance": governance}}


@pytest.mark.parametrize(
    ("site", "field"),
    [
        ({"clearance": ["internal"]}, "spec.clearance"),
        ({"clearance": {"word": "internal"}}, "spec.clearance"),
        ({"speed": "1e999"}, "spec.speed"),
        ({"slots": 0}, "spec.slots"),
        ({"cpuHourPrice": True}, "spec.cpuHourPrice"),
    ],
)
def test_a_wrong_kind_of_value_names_its_field(site: dict[str, Any], field: str) -> None:
    """Never another exception."""
    with pytest.raises(InputError) as caught:
        wire.read_site({"kind": "Site", "metadata": {"name": "eu-1"}, "spec": site})
    assert caught.value.field == field


def test_a_container_may_have_an_empty_argument() -> None:
    """It is an argument like any other; in other lists an empty word means nothing."""
    component = {"image": "tool:1", "command": ["run"], "args": ["", "x"]}
    release = {"name": "totals", "component": component, "yields": {}}
    read = wire.read_dataset(raw_dataset(releases=[release]))
    assert read.governance.releases[0].component.args == ("", "x")
    with pytest.raises(InputError, match=r"spec\.governance\.purposes"):
        wire.read_dataset(raw_dataset(purposes=[""]))
