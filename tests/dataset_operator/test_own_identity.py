"""Sources with webIdentity are listed by the operator's own token, where the store lets it; else the status says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataset_operator.listing import Budget, Cancellation, list_folder
from dataset_operator.listing.s3 import S3Lister
from dataset_operator.listing.s3.own_identity import keys_for_own_token
from moorage.errors import SourceError
from moorage.sources.s3 import S3Source
from tests.trusting_store import Issuer, TrustingStore, run_trusting_store

ACCOUNT = "moorage-system/moorage-operator"


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


async def listed(location: S3Source, token_file: Path | None) -> int:
    """How many objects the operator finds."""
    request = location.session(writes=False)
    assert request is not None
    keys = await keys_for_own_token(request, token_file)
    budget, stop = Budget(), Cancellation()
    return list_folder(S3Lister().folder(location, keys, budget, stop), budget, stop).objects


async def test_a_role_that_is_for_the_operator_too(store: TrustingStore, issuer: Issuer, tmp_path: Path) -> None:
    """Its folder is listed, and no more than that."""
    (tmp_path / "token").write_text(issuer.token(ACCOUNT) + "\n")
    assert await listed(store.source("flights"), tmp_path / "token") == 2


async def test_a_role_that_is_for_pods_alone(store: TrustingStore, issuer: Issuer, tmp_path: Path) -> None:
    """It is no failure: the pods are served. The message names the account that the trust policy lacks."""
    (tmp_path / "token").write_text(issuer.token("moorage-system/other"))
    with pytest.raises(SourceError, match="service account system:serviceaccount:moorage-system:other take") as caught:
        await listed(store.source("flights"), tmp_path / "token")
    assert caught.value.reason == "NotListed"
    for missing in (None, tmp_path / "nothing"):
        with pytest.raises(SourceError, match="the operator has no token for stores") as caught:
            await listed(store.source("flights"), missing)
        assert caught.value.reason == "NotListed"
