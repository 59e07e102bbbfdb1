"""Translation of the API server's answers to `moorage.errors.KubeError`."""

from typing import Any

import orjson
from lightkube.core.exceptions import ConfigError

from moorage.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    KubeError,
    NotFoundError,
    UnreachableError,
)

# The errors of reading a token file or running a credential plugin (an exec entry of a kubeconfig).
NO_CREDENTIALS = (ConfigError, OSError, KeyError)

_BY_STATUS: dict[int, type[KubeError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
}


def error_from_status(action: str, status: dict[str, Any]) -> KubeError:
    """Make an error of a Status object, as it comes in answers and inside watches."""
    code = int(status.get("code") or 0)
    reason = str(status.get("reason") or "")
    # A watch reports an expired version with the code in some releases, with only the reason in others.
    kind = GoneError if reason in {"Expired", "Gone"} else _BY_STATUS.get(code, KubeError)
    return kind(f"{action}: {status.get('message') or reason or code}", status=code, reason=reason)


def error_from_answer(action: str, code: int, content: bytes) -> KubeError:
    """Make an error of an HTTP answer, whose body is a Status object or, from proxies, anything."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or body.get("kind") != "Status":
        text = content[:200].decode("utf-8", "replace").strip()
        body = {"message": f"HTTP {code} {text}".strip()}
    return error_from_status(action, {**body, "code": code})


def error_from_silence(action: str, address: str, cause: Exception) -> UnreachableError:
    """Make an error of a connection that failed."""
    detail = str(cause) or type(cause).__name__
    return UnreachableError(f"{action}: the API server {address} does not answer: {detail}")


def error_from_credentials(action: str, cause: Exception) -> ForbiddenError:
    """Make an error of credentials that could not be had: no token file, a failing credential plugin."""
    return ForbiddenError(f"{action}: no credentials: {type(cause).__name__}: {cause}", reason="NoCredentials")
