"""Sources with webIdentity are listed by the operator's own token, where the store lets it; else the status says so."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from dataset_operator.listing import Budget, Cancellation, WaysToKeys, list_folder
from dataset_operator.listing.s3 import S3Lister
from dataset_operator.listing.s3.own_identity import keys_for_own_token
from dataset_operator.looking import Looker
from dataset_operator.settings import OperatorSettings
from moorage.errors import SourceError
from moorage.kube import Client
from moorage.model import Source
from moorage.settings import read
from moorage.sources import Credentials
from moorage.sources.permitted_roles import PermittedRole
from moorage.sources.s3 import S3Source
from tests.builders import make_dataset
from tests.token_thief import ROLE, run_thief
from tests.trusting_store import Issuer, TrustingStore, run_trusting_store

ACCOUNT = "moorage-system/moorage-operator"
NOWHERE = Client(httpx2.AsyncClient(base_url="http://127.0.0.1:1"))
"""No Secret is read here."""


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """Whose tokens the store trusts."""
    return Issuer()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[TrustingStore]:
    """A store that lets the operator in."""
    with run_trusting_store(tmp_path_factory.mktemp("weed"), issuer.url, issuer.jwks, [ACCOUNT]) as running:
        running.put("flights/a", "flights/b", "other")
        yield running


async def keys_of(
    location: S3Source, token_file: Path | None, *namespaces: str, stop: Cancellation | None = None
) -> Credentials:
    """Keys by the operator's own token, for a Dataset of namespace `steward`; the role is for Datasets of some."""
    request = location.session(writes=False)
    assert request is not None
    role = PermittedRole(request.role_arn, request.endpoint, frozenset(namespaces))
    ways = WaysToKeys(NOWHERE, token_file, (role,))
    return await keys_for_own_token(request, "steward", ways, stop or Cancellation())


async def listed(location: S3Source, token_file: Path | None) -> int:
    """How many objects the operator finds."""
    keys = await keys_of(location, token_file, "steward")
    budget, stop = Budget(), Cancellation()
    return list_folder(S3Lister().folder(location, keys, budget, stop), budget, stop).objects


async def test_a_role_that_is_for_the_operator_too(store: TrustingStore, issuer: Issuer, tmp_path: Path) -> None:
    """Its folder is listed, and no more than that."""
    (tmp_path / "token").write_text(issuer.token(ACCOUNT) + "\n")
    assert await listed(store.source("flights"), tmp_path / "token") == 2


async def test_a_role_that_is_for_pods_alone(store: TrustingStore, issuer: Issuer, tmp_path: Path) -> None:
    """It is no failure: the pods are served. The message names the account that the trust policy lacks."""
    (tmp_path / "token").write_text(issuer.token("moorage-system/other"))
    with pytest.raises(
        SourceError, match="service account system:serviceaccount:moorage-system:other assume role"
    ) as caught:
        await listed(store.source("flights"), tmp_path / "token")
    assert caught.value.reason == "NotListed"
    for missing in (None, tmp_path / "nothing"):
        with pytest.raises(SourceError, match="the operator has no token for stores") as caught:
            await listed(store.source("flights"), missing)
        assert caught.value.reason == "NotListed"


async def test_the_token_goes_nowhere_but_where_the_platform_says(tmp_path: Path) -> None:
    """Not to a server that a Dataset's author names, and not for a role that is for others' Datasets."""
    (tmp_path / "token").write_text("a.b.c")
    with run_thief() as thief:
        elsewhere = replace(thief.source, endpoint=f"{thief.url}/sts")
        for namespaces, source in ((), thief.source), (("other",), thief.source), (("other",), elsewhere):
            with pytest.raises(SourceError, match=r"namespace steward may have .* in webIdentity\.roles") as caught:
                await keys_of(source, tmp_path / "token", *namespaces)
            assert caught.value.reason == "RoleNotPermitted"
            assert all(word in str(caught.value) for word in (ROLE, source.endpoint))
        assert thief.tokens == []
        with pytest.raises(SourceError, match="AccessDenied") as caught:
            await keys_of(thief.source, tmp_path / "token", "steward")
        assert caught.value.reason == "NotListed"
        assert thief.tokens == ["a.b.c"]


async def test_a_look_that_is_over_exchanges_nothing_more(tmp_path: Path) -> None:
    """Its time is up for all its sources, however many wait for a store that says nothing."""
    (tmp_path / "token").write_text("a.b.c")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        roles = f'{{"roles": [{{"roleARN": "{ROLE}", "endpoint": "{url}", "namespaces": ["steward"]}}]}}'
        given = {"WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "WEB_IDENTITY_ROLES": roles}
        settings = read(OperatorSettings, {f"MOORAGE_{name}": value for name, value in given.items()})
        with run_thief() as thief:
            source = replace(thief.source, endpoint=url)
        sources = tuple(Source(f"s-{n}", source) for n in range(20))
        dataset = replace(make_dataset("waits").obj(), sources=sources)
        looker, stop = Looker(NOWHERE, settings), Cancellation()
        look = asyncio.create_task(looker.look(dataset, Budget(), stop))
        line, _ = await asyncio.to_thread(silent.accept)
        stop.expire()
        async with asyncio.timeout(60):
            found = await look
        assert [each.reason for each in found.sources] == ["ListTooSlow"] * 20
        with line:
            await asyncio.to_thread(_read_to_the_end, line)
        silent.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            silent.accept()[0].close()  # two sources are looked at together
            with pytest.raises(BlockingIOError):
                silent.accept()
    looker.close()


def _read_to_the_end(line: socket.socket) -> None:
    """Until the other side ends it, as it does at once."""
    line.settimeout(60)
    while line.recv(65_536):
        pass
