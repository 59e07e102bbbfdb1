"""The one place where a steward's Secret is read: by name, in the Dataset's namespace, when it is needed.

Secrets are never listed or watched, so rotated keys count from the next look or grant on, and the rights needed are
`get` alone.
"""

import base64
import binascii
import re
from typing import Any

from moorage.errors import ForbiddenError, NotFoundError, SourceError
from moorage.kube import SECRETS, Client
from moorage.sources import Credentials, Location, unserved
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.reasons import Reason

# The name becomes part of a path at the API server: it must not lead elsewhere.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# Datashim's names first, then what people who export AWS's variables have at hand.
_NAMES = (
    ("accessKeyID", "AWS_ACCESS_KEY_ID"),
    ("secretAccessKey", "AWS_SECRET_ACCESS_KEY"),
    ("sessionToken", "AWS_SESSION_TOKEN"),
)
# Names that Secrets of other kinds have not: `token` would be that of a service account.
_TOKEN = "catalogueToken"  # noqa: S105 - a word
_CATALOGUE = "catalogueURL"
_LONGEST_TOKEN = 16_384


async def read_credentials(client: Client, namespace: str, location: Location) -> Credentials | None:
    """Read the keys for a source; None where it names none, for a bucket that anybody may read.

    Args:
        client: the API server.
        namespace: the Dataset's.
        location: the source.

    Raises:
        SourceError: SecretNotFound, SecretForbidden, SecretKeyMissing, or SourceNotSupported.
        KubeError: the API server did not answer.
    """
    if (problem := unserved(location)) is not None:
        raise SourceError(Reason.NOT_SUPPORTED, problem)
    if location.session(writes=False) is not None:
        problem = (
            f"a source of kind {location.kind} with webIdentity has no keys but those that a pod's token is exchanged "
            "for: name a Secret with keys instead"
        )
        raise SourceError(Reason.NOT_SUPPORTED, problem)
    keys = location.keys
    if keys is None or keys.inline is not None:
        return None if keys is None else keys.inline
    if keys.secret_name is None:
        return None
    subject = f"Secret {namespace}/{keys.secret_name}"
    wanted = "the keys accessKeyID and secretAccessKey"
    return credentials_of(await _read(client, namespace, keys.secret_name, keys.named_in, wanted), subject)


async def read_catalogue_token(client: Client, namespace: str, source: CataloguedSource) -> str | None:
    """Read the token that is shown to a table's catalogue; None where it wants none.

    Unlike the keys of a store, which only sign, it is sent as it is. So the Secret must name the catalogue, too: who
    may write Datasets and not read Secrets could have any token sent to a server of their own.

    Args:
        client: the API server.
        namespace: the Dataset's.
        source: the table.

    Raises:
        SourceError: CatalogueRefused, since it is of no use to ask the catalogue; pods need no such token.
        KubeError: the API server did not answer.
    """
    token = source.token
    if token is None:
        return None
    subject = f"Secret {namespace}/{token.secret_name}"
    wanted = f"the keys {_TOKEN} and {_CATALOGUE}"
    try:
        secret = await _read(client, namespace, token.secret_name, token.named_in, wanted)
        return _token_of(secret, subject, source)
    except SourceError as error:
        raise SourceError(Reason.CATALOGUE_REFUSED, f"the catalogue was not asked. {error}") from None


def _token_of(secret: dict[str, Any], subject: str, source: CataloguedSource) -> str:
    data = secret.get("data") or {}
    found = {name: _text(data[name], name, subject) for name in (_TOKEN, _CATALOGUE) if data.get(name)}
    missing = [name for name in (_TOKEN, _CATALOGUE) if not found.get(name)]
    if missing:
        raise SourceError(Reason.SECRET_KEY_MISSING, f"{subject}: has no {' and no '.join(missing)}: add it")
    if found[_CATALOGUE].rstrip("/") != source.catalogue.rstrip("/"):
        problem = f"its {_CATALOGUE} is another than the Dataset's, {source.catalogue}, so its token is not sent there"
        raise SourceError(Reason.SECRET_FORBIDDEN, f"{subject}: {problem}: correct one of them")
    token = found[_TOKEN]
    if len(token) > _LONGEST_TOKEN or not token.isprintable() or " " in token:
        problem = f"the value of {_TOKEN} is not a token: write it again"
        raise SourceError(Reason.SECRET_KEY_MISSING, f"{subject}: {problem}")
    return token


async def _read(client: Client, namespace: str, name: str, named_in: str, wanted: str) -> dict[str, Any]:
    subject = f"Secret {namespace}/{name}"
    if not _NAME.fullmatch(name):
        problem = f"{subject}: is not a name that a Secret can have: correct {named_in}"
        raise SourceError(Reason.SECRET_NOT_FOUND, problem)
    try:
        return await client.get(SECRETS, name, namespace)
    except NotFoundError:
        problem = f"{subject}: does not exist: create it with {wanted}"
        raise SourceError(Reason.SECRET_NOT_FOUND, problem) from None
    except ForbiddenError:
        problem = f"{subject}: Moorage may not read it: let its service account get Secrets in namespace {namespace}"
        raise SourceError(Reason.SECRET_FORBIDDEN, problem) from None


def credentials_of(secret: dict[str, Any], subject: str) -> Credentials:
    """Return the keys that a Secret holds, under Datashim's names or AWS's.

    Raises:
        SourceError: SecretKeyMissing, naming what is missing or can't be read.
    """
    data = secret.get("data") or {}
    found: list[str | None] = []
    for names in _NAMES:
        name = next((name for name in names if data.get(name)), None)
        found.append(None if name is None else _text(data[name], name, subject))
    missing = [names[0] for names, value in zip(_NAMES[:2], found, strict=False) if not value]
    if missing:
        raise SourceError(
            Reason.SECRET_KEY_MISSING,
            f"{subject}: has no {' and no '.join(missing)} (or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY): add it",
        )
    key_id, secret_key, token = found
    return Credentials(key_id or "", secret_key or "", token or None)


def _text(encoded: str, name: str, subject: str) -> str:
    """Return the value, without the line end that `echo` leaves behind and that makes signatures wrong."""
    try:
        return base64.b64decode(encoded).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError):
        problem = f"{subject}: the value of {name} is not a valid key: write it again"
        raise SourceError(Reason.SECRET_KEY_MISSING, problem) from None
