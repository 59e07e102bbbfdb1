"""Which Datasets may an account read? Answered page by page, and never about those of others."""

import asyncio
from dataclasses import replace
from typing import Any

from moorage.model import Dataset, DatasetRef, Governance, Site, Source
from moorage.sites import Inventory
from moorage.sources.host_path import HostPathSource
from webhook import available
from webhook.available import Search, answer

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


async def test_what_a_consumer_is_told() -> None:
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
    told = await answer(ASKED, None, datasets, INVENTORY)
    assert told["allowed"]
    assert "after" not in told
    found = {entry["name"]: entry for entry in told["datasets"]}
    assert list(found) == ["for-research", "in-europe", "nowhere", "open"]
    assert found["open"]["sites"] == ["eu-1", "us-1"]
    assert found["in-europe"]["sites"] == ["eu-1"]
    assert found["for-research"]["rule"] == "PurposeMissing"
    assert "moorage.dev/purpose: research" in found["for-research"]["message"]
    assert found["nowhere"]["rule"] == "ResidencyViolated"
    stated = await answer(replace(ASKED, stated_purpose="research"), frozenset({"research"}), datasets, INVENTORY)
    assert {entry["name"]: entry.get("sites") for entry in stated["datasets"]}["for-research"] == ["eu-1", "us-1"]


async def test_pages_hold_all_of_them_once() -> None:
    """However many of them are others', whose names no page tells: it goes on after one that was found."""
    names = [f"d{number:05}" for number in range(9000)]
    every = known(*(dataset(n, consumers=frozenset({"fraud" if i % 100 == 0 else "x"})) for i, n in enumerate(names)))
    every = dict(reversed(every.items()))  # a cache is in no order
    seen: list[str] = []
    search: Search | None = ASKED
    pages = 0
    while search is not None:
        told = await answer(search, None, every, INVENTORY)
        seen += [entry["name"] for entry in told["datasets"]]
        assert told.get("after", f"stewards/{seen[-1]}") == f"stewards/{seen[-1]}"
        namespace, _, name = told.get("after", "").partition("/")
        search = replace(search, after=(namespace, name)) if namespace else None
        pages += 1
    assert (seen, pages) == (names[::100], 3)


async def test_an_invented_cursor_tells_nothing() -> None:
    """Wherever an answer begins, it names what the account may find, and no other Dataset."""
    every = known(*(dataset(f"d{number:05}", consumers=frozenset({"x"})) for number in range(5000)))
    for after in (("", ""), ("stewards", "d00001"), ("stewards", "d04998"), ("zoo", "")):
        told = await answer(replace(ASKED, after=after), None, every, INVENTORY)
        assert told == {"allowed": False, "datasets": []}


async def test_the_last_page_is_full() -> None:
    """And says that it is the last one."""
    every = known(*(dataset(f"d{number:02}") for number in range(available.MOST_FOUND)))
    told = await answer(ASKED, None, every, INVENTORY)
    assert (len(told["datasets"]), "after" in told) == (available.MOST_FOUND, False)


async def test_others_have_the_event_loop_meanwhile() -> None:
    """After each slice, and after each Dataset that is decided."""
    slices = 5
    every = known(*(dataset(f"d{number:05}") for number in range(slices * available.SLICE)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await answer(ASKED, None, every, INVENTORY)
    task.cancel()
    assert turns >= slices + available.MOST_FOUND


async def test_few_sites_are_decided() -> None:
    """Those that hold it first; how many others there are is told."""
    sites = {f"a-{number:02}": Site(f"a-{number:02}", jurisdiction="DE") for number in range(40)}
    inventory = Inventory({"eu-1": EU, "us-1": US, **sites})
    (entry,) = (await answer(ASKED, None, known(dataset("open")), inventory))["datasets"]
    assert entry["sites"] == [*sorted(sites)[: available.MOST_SITES - 2], "eu-1", "us-1"]
    assert entry["more"] == len(sites) + 2 - available.MOST_SITES


async def test_nothing_is_there() -> None:
    """An answer, and the last one; without any Site, the reason."""
    assert await answer(ASKED, None, {}, INVENTORY) == {"allowed": False, "datasets": []}
    (entry,) = (await answer(ASKED, None, known(dataset("open")), Inventory({})))["datasets"]
    assert "there is no Site" in entry["message"]
