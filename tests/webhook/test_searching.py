"""Which Datasets may an account read? Answered page by page, and never about those of others."""

from dataclasses import replace
from typing import Any

from moorage.model import Dataset, DatasetRef, Governance, Site, Source
from moorage.sites import Inventory
from moorage.sources.host_path import HostPathSource
from webhook import searching
from webhook.searching import Search, answer

EU = Site("eu-1", jurisdiction="DE")
US = Site("us-1", jurisdiction="US")
INVENTORY = Inventory({"eu-1": EU, "us-1": US})
ASKED = Search("fraud", "default", None, ("", ""))


def dataset(name: str, **governance: Any) -> Dataset:  # noqa: ANN401 - fields of Governance
    """Of a steward, at both sites, for namespace fraud unless the rules say otherwise."""
    rules = Governance(**{"consumers": frozenset({"fraud"}), **governance})
    sources = tuple(Source(site, HostPathSource("/data")) for site in ("eu-1", "us-1"))
    return Dataset(DatasetRef("stewards", name), sources, rules)


def known(*datasets: Dataset) -> dict[tuple[str, str], Dataset | None]:
    """As the cache has them."""
    return {(each.ref.namespace, each.ref.name): each for each in datasets}


def test_what_a_consumer_is_told() -> None:
    """Sites that permit, or what a refusal says; nothing of a Dataset that others read, or that goes away."""
    datasets = known(
        dataset("open"),
        dataset("in-europe", residency=frozenset({"EU"})),
        dataset("for-research", purposes=frozenset({"research"})),
        dataset("nowhere", residency=frozenset({"JP"})),
        dataset("of-others", consumers=frozenset({"marketing"})),
        dataset("own", consumers=None),
        replace(dataset("going"), deleting=True),
    ) | {("stewards", "unreadable"): None}
    told = answer(ASKED, None, datasets, INVENTORY)
    assert told["allowed"]
    assert "after" not in told
    found = {entry["name"]: entry for entry in told["datasets"]}
    assert list(found) == ["for-research", "in-europe", "nowhere", "open"]
    assert found["open"]["sites"] == ["eu-1", "us-1"]
    assert found["in-europe"]["sites"] == ["eu-1"]
    assert found["for-research"]["rule"] == "PurposeMissing"
    assert "moorage.dev/purpose: research" in found["for-research"]["message"]
    assert found["nowhere"]["rule"] == "ResidencyViolated"
    stated = answer(replace(ASKED, stated_purpose="research"), frozenset({"research"}), datasets, INVENTORY)
    assert {entry["name"]: entry.get("sites") for entry in stated["datasets"]}["for-research"] == ["eu-1", "us-1"]


def test_pages_hold_all_of_them_once() -> None:
    """However many there are, and however many of them are others'."""
    names = [f"d{number:05}" for number in range(2 * searching.MOST_LOOKED_AT)]
    every = known(*(dataset(n, consumers=frozenset({"fraud" if i % 100 == 0 else "x"})) for i, n in enumerate(names)))
    seen: list[str] = []
    search: Search | None = ASKED
    pages = 0
    while search is not None:
        told = answer(search, None, every, INVENTORY)
        seen += [entry["name"] for entry in told["datasets"]]
        assert len(told["datasets"]) <= searching.MOST_FOUND
        namespace, _, name = told.get("after", "").partition("/")
        search = replace(search, after=(namespace, name)) if namespace else None
        pages += 1
    assert seen == names[::100]
    assert pages <= 5


def test_nothing_is_there() -> None:
    """An answer, and the last one."""
    assert answer(ASKED, None, {}, INVENTORY) == {"allowed": False, "datasets": []}
