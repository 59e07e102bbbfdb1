"""Which roles a token may be exchanged for, at which URLs, and for whose Datasets: what the platform says. Pure.

A Dataset's author writes both the role and the URL. Whoever is sent a token can assume every role that trusts its
account; and a role trusts accounts, not the Dataset that its steward wrote. So the platform binds role, URL and
namespace to each other, and what it has not bound is looked at before any token is read.
"""

from dataclasses import dataclass
from typing import Final, Self

from moorage.errors import InputError
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import DNS_LABEL, Fields, shown
from moorage.sources.web_identity import SessionRequest, is_private

VALUE: Final = "webIdentity.roles"
"""Where the platform says so: a value of the chart."""
# The kernel takes 128 KiB of one variable.
_BOUNDS: Final = Bounds(most_bytes=96 * 1024, most_depth=4)
_MOST_ROLES: Final = 256
_MOST_NAMESPACES: Final = 256


@dataclass(frozen=True, slots=True)
class PermittedRole:
    """One role at one URL.

    Attributes:
        role_arn: the role.
        endpoint: the URL that tokens are sent to: a source's `stsEndpoint`, or else its `endpoint`.
        namespaces: whose Datasets may name the role there.
    """

    role_arn: str
    endpoint: str
    namespaces: frozenset[str]

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping.

        Raises:
            InputError: a field can't be used.
        """
        endpoint = fields.url("endpoint", "https", "http").rstrip("/")
        if not is_private(endpoint):
            fields.fail("endpoint", "must begin with https://, or be a Service such as http://s3.stores.svc:8333")
        namespaces = fields.texts("namespaces")
        if namespaces is None:
            fields.fail("namespaces", "is required: name the namespaces whose Datasets may name the role")
        if len(namespaces) > _MOST_NAMESPACES:
            fields.fail("namespaces", f"must have at most {_MOST_NAMESPACES} entries, not {len(namespaces)}")
        for namespace in namespaces:
            if not DNS_LABEL.fullmatch(namespace):
                fields.fail("namespaces", f"{shown(namespace)} is not a namespace's name; patterns are not understood")
        found = cls(fields.required_text("roleARN"), endpoint, frozenset(namespaces))
        fields.finish()
        return found


def parse_permitted_roles(text: str) -> tuple[PermittedRole, ...]:
    """Read `{"roles": [{"roleARN": ..., "endpoint": ..., "namespaces": [...]}]}`.

    Raises:
        ValueError: it is not that; says which field is wrong.
    """
    try:
        fields = read_object(text.encode(), VALUE, _BOUNDS)
        entries = fields.subs("roles")
        if len(entries) > _MOST_ROLES:
            fields.fail("roles", f"must have at most {_MOST_ROLES} entries, not {len(entries)}")
        fields.finish()
        return tuple(PermittedRole.read(entry) for entry in entries)
    except InputError as error:
        raise ValueError(f"{error.field} {error.problem}") from None


def is_permitted(roles: tuple[PermittedRole, ...], namespace: str, request: SessionRequest) -> bool:
    """Whether a token may be shown for it, where a Dataset of this namespace asks."""
    wanted = (request.role_arn, request.endpoint)
    return any((each.role_arn, each.endpoint) == wanted and namespace in each.namespaces for each in roles)


def permission_problem(roles: tuple[PermittedRole, ...], namespace: str, request: SessionRequest) -> str | None:
    """Why no token is shown for it, as a clause with the remedy; None where one may be.

    Args:
        roles: those that the platform permits.
        namespace: the Dataset's.
        request: the role, and the URL that would be sent the token.
    """
    if is_permitted(roles, namespace, request):
        return None
    return (
        f"no Dataset of namespace {namespace} may have a token sent to {request.endpoint} for the role "
        f"{request.role_arn}: the platform has to permit that in {VALUE} of the chart's values, by an entry with this "
        "roleARN, this endpoint, and this namespace among its namespaces"
    )
