"""One API server: raw dictionaries in and out.

Nothing is retried here: a caller that asks again knows why it does. Every failure is a `moorage.errors.KubeError`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2 as httpx
import orjson

from moorage.errors import GoneError
from moorage.kube.answers import NO_CREDENTIALS, error_from_answer, error_from_credentials, error_from_silence
from moorage.kube.connection import bearer_config, find_config, given_config, open_http
from moorage.kube.resources import PODS, TOKEN_REVIEWS, Resource
from moorage.kube.streams import open_stream, read_events, read_pieces

RawObject = dict[str, Any]

PAGE_SIZE = 500
# A page of raw objects takes five times its bytes while it is parsed. An object has 3 MiB at most, as etcd takes no
# more.
PAGE_BYTES = 8 * 1024 * 1024
# The first page tells how large objects are: making a page of large ones that nobody reads costs an API server seconds.
_FIRST_PAGE_SIZE = 16
# API servers send a bookmark every minute, but after opening a watch the first one may come after two (seen with 1.36).
# Meanwhile the kernel's probes watch over the connection itself.
SILENCE_SECONDS = 150.0
# A task may print nothing for as long as it computes; the kernel's probes notice a connection that is none any more.
LOG_SILENCE_SECONDS = 3600.0
APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
# A watch has objects, not lists.
_PARTIAL = "PartialObjectMetadata"
_METADATA_OF_ONE = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, all pages at the same resource version."""

    items: list[RawObject]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of a resource's objects; empty fields select all.

    Attributes:
        namespace: only objects of this namespace.
        labels: a label selector, as `app=x,tier!=y`.
        fields: a field selector, as `spec.nodeName=node-1`.
    """

    namespace: str = ""
    labels: str = ""
    fields: str = ""

    def parameters(self) -> dict[str, str]:
        """Return the query parameters for it; the namespace is in the path."""
        given = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in given.items() if value}


EVERYTHING = Selection()


class Client:
    """A connection to one API server.

    Make it with `from_environment`, or from an HTTP client whose base URL and credentials are set. It may be shared by
    all tasks of one event loop. Every method raises `KubeError`: `NotFoundError`, `ConflictError`, `ForbiddenError`,
    `GoneError`, `UnreachableError`, or `KubeError` itself with the `status` for the rest (422: the object is invalid).

    Attributes:
        namespace: the namespace of the kubeconfig's context, or the pod's own.
        field_manager: the name under which writes are recorded.
    """

    def __init__(self, http: httpx.AsyncClient, *, namespace: str = "default", field_manager: str = "moorage") -> None:
        self._http = http
        self.namespace = namespace
        self.field_manager = field_manager

    @classmethod
    def from_environment(
        cls, kubeconfig: Path | None = None, context: str | None = None, field_manager: str = "moorage"
    ) -> Self:
        """Find the API server as kubectl does: the given file, KUBECONFIG, the pod's service account, ~/.kube/config.

        Raises:
            SettingError: there is no usable cluster; says what to set.
        """
        config = find_config(kubeconfig, context)
        return cls(open_http(config), namespace=config.namespace, field_manager=field_manager)

    @classmethod
    def from_kubeconfig(cls, text: str, subject: str, field_manager: str = "moorage") -> Self:
        """Return an API server that somebody else's kubeconfig leads to, as a Secret holds it.

        Raises:
            SettingError: it can't be used; names `subject` and what to write instead.
        """
        config = given_config(text, subject)
        return cls(open_http(config), namespace=config.namespace, field_manager=field_manager)

    @classmethod
    def for_bearer(cls, token: str, kubeconfig: Path | None = None, field_manager: str = "moorage") -> Self:
        """Return the API server that `from_environment` finds, asked by whoever has this token and by nobody else.

        Raises:
            SettingError: there is no usable cluster.
        """
        config = bearer_config(find_config(kubeconfig), token)
        return cls(open_http(config), namespace=config.namespace, field_manager=field_manager)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; running watches end with `UnreachableError`."""
        await self._http.aclose()

    @property
    def address(self) -> str:
        """The API server's URL."""
        return str(self._http.base_url).rstrip("/")

    # --- reading ---

    async def get(self, resource: Resource, name: str, namespace: str = "") -> RawObject:
        """Read one object."""
        action = f"get {resource.describe(namespace, name)}"
        return await self.request("GET", resource.path(namespace, name), action=action)

    async def list(
        self, resource: Resource, selection: Selection = EVERYTHING, *, size: int = PAGE_SIZE
    ) -> list[RawObject]:
        """Read all objects of a selection, page by page.

        Raises:
            GoneError: it took longer than etcd keeps old revisions, and so did the second attempt.
        """
        try:
            return [item async for page in self.pages(resource, selection, size=size) for item in page.items]
        except GoneError:
            return [item async for page in self.pages(resource, selection, size=size) for item in page.items]

    async def pages(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
        *,
        size: int = PAGE_SIZE,
        metadata_only: bool = False,
    ) -> AsyncIterator[Page]:
        """Read a selection page by page, so that only one page of raw objects is in memory at once.

        Pages are bounded in objects and in bytes: where objects are large, fewer are asked for. Items of a list carry
        no apiVersion and kind of their own; they are filled in.

        Args:
            resource: the resource to list.
            selection: which of them.
            size: the most objects in a page.
            metadata_only: have the API server leave out all but the objects' metadata.

        Raises:
            GoneError: the list took longer than etcd keeps old revisions; start again.
        """
        parameters = selection.parameters()
        action = f"list {resource.describe(selection.namespace)}"
        path = resource.path(selection.namespace)
        limit = min(size, _FIRST_PAGE_SIZE)
        while True:
            parameters["limit"] = str(limit)
            most_bytes = PAGE_BYTES if limit > 1 else None
            body = await self._read(path, parameters, action, most_bytes, METADATA if metadata_only else "")
            if body is None:
                limit = max(limit // 4, 1)
                continue
            try:
                answer: RawObject = orjson.loads(body)
            except orjson.JSONDecodeError:
                raise error_from_answer(action, httpx.codes.OK, body) from None
            size_bytes = len(body)
            del body  # a caller may be slow
            metadata = answer.get("metadata") or {}
            items = answer.get("items") or []
            fitting = PAGE_BYTES // 2 * max(len(items), 1) // size_bytes
            limit = max(min(4 * limit, fitting, size), 1)
            for item in items:
                _name_kind(item, resource)
            yield Page(items, str(metadata.get("resourceVersion") or ""))
            if not metadata.get("continue"):
                return
            parameters["continue"] = metadata["continue"]

    async def page_as(
        self, form: str, resource: Resource, namespace: str = "", *, size: int = PAGE_SIZE, following: str = ""
    ) -> RawObject:
        """Get one page of a list in another form: a `TABLE` of printer columns, or the objects' `METADATA`, no specs.

        Args:
            form: which.
            resource: the resource to list.
            namespace: only objects of this namespace; "": all.
            size: the most objects in the page.
            following: what the page before said of the next one (`metadata.continue`).
        """
        parameters = {"limit": str(size), "includeObject": "Metadata"} | ({"continue": following} if following else {})
        action = f"list {resource.describe(namespace)}"
        body = await self._read(resource.path(namespace), parameters, action, None, form)
        try:
            answer: RawObject = orjson.loads(body or b"")
        except orjson.JSONDecodeError:
            raise error_from_answer(action, httpx.codes.OK, body or b"") from None
        return answer

    @asynccontextmanager
    async def watch(  # noqa: PLR0913 - each but the first two is a keyword
        self,
        resource: Resource,
        resource_version: str,
        selection: Selection = EVERYTHING,
        *,
        server_seconds: int = 300,
        silence_seconds: float = SILENCE_SECONDS,
        metadata_only: bool = False,
    ) -> AsyncIterator[AsyncIterator[RawObject]]:
        """Open a watch; gives an iterator of events (`{"type": ..., "object": ...}`, bookmarks too) until its end.

        `async with client.watch(PODS, version) as events:` is entered once the server has agreed.

        Args:
            resource: what to watch.
            resource_version: changes after this one are sent.
            selection: which objects.
            server_seconds: the server ends the watch after so long; that is a normal end.
            silence_seconds: the most that a watch may say nothing.
            metadata_only: have the API server leave out all but the objects' metadata.

        Raises:
            GoneError: the version is too old; list again.
            UnreachableError: with the reason `SILENCE`, nothing was said for so long: perhaps there was nothing to say;
                opening the watch again tells whether the server is there.
        """
        parameters = {
            **selection.parameters(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(server_seconds),
        }
        action = f"watch {resource.describe(selection.namespace)}"
        timeout = httpx.Timeout(silence_seconds, connect=5, pool=5)
        path = resource.path(selection.namespace)
        headers = {"Accept": _METADATA_OF_ONE} if metadata_only else None
        request = self._http.build_request("GET", path, params=parameters, headers=headers, timeout=timeout)
        answer = await open_stream(self._http, request, action)
        try:
            events = read_events(answer, action)
            yield _named(events, resource) if metadata_only else events
        finally:
            await answer.aclose()

    async def read_log(
        self, name: str, namespace: str, container: str, *, most_bytes: int, last_lines: int | None = None
    ) -> bytes:
        """Read a container's log; its node must still have it.

        Args:
            name: the pod's.
            namespace: the pod's.
            container: whose.
            most_bytes: no more than so many from the beginning, or of the last lines.
            last_lines: only so many at the end.
        """
        parameters = {"container": container, "limitBytes": str(most_bytes)}
        if last_lines is not None:
            parameters["tailLines"] = str(last_lines)
        action = f"read the log of {PODS.describe(namespace, name)}"
        content = await self._read(PODS.path(namespace, name, "log"), parameters, action, None)
        return (content or b"")[:most_bytes]

    @asynccontextmanager
    async def follow_log(
        self, name: str, namespace: str, container: str, *, silence_seconds: float = LOG_SILENCE_SECONDS
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream a container's log from its first byte; the iterator ends when the container does.

        Args:
            name: the pod's.
            namespace: the pod's.
            container: whose.
            silence_seconds: the most that it may print nothing.

        Raises:
            UnreachableError: with the reason `SILENCE`, nothing was printed for so long; follow it again.
        """
        action = f"follow the log of {PODS.describe(namespace, name)}"
        request = self._http.build_request(
            "GET",
            PODS.path(namespace, name, "log"),
            params={"container": container, "follow": "true"},
            timeout=httpx.Timeout(silence_seconds, connect=5, pool=5),
        )
        answer = await open_stream(self._http, request, action)
        try:
            yield read_pieces(answer, action)
        finally:
            await answer.aclose()

    # --- writing ---

    async def create(self, resource: Resource, body: RawObject, *, dry_run: bool = False) -> RawObject:
        """Create an object; its namespace and name (or generateName) are in its metadata.

        Raises:
            ConflictError: it exists.
        """
        namespace, name = _identity(body)
        return await self.request(
            "POST",
            resource.path(namespace),
            action=f"create {resource.describe(namespace, name)}",
            parameters=self._write_parameters(dry_run=dry_run),
            body=body,
        )

    async def replace(self, resource: Resource, body: RawObject, *, subresource: str = "") -> RawObject:
        """Replace an object, `subresource="status"` for its status.

        With a `metadata.resourceVersion` in the body, only if nobody wrote since.

        Raises:
            ConflictError: somebody did.
        """
        namespace, name = _identity(body)
        return await self.request(
            "PUT",
            resource.path(namespace, name, subresource),
            action=f"replace {resource.describe(namespace, name)}",
            parameters=self._write_parameters(),
            body=body,
        )

    async def apply(
        self, resource: Resource, body: RawObject, *, subresource: str = "", force: bool = True, dry_run: bool = False
    ) -> RawObject:
        """Server-side apply: the fields in the body become ours, those that we no longer list are removed.

        apiVersion and kind may be left out. Creates the object where it is not there.

        Raises:
            ConflictError: without `force`, another manager owns a field.
        """
        namespace, name = _identity(body)
        return await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            action=f"apply {resource.describe(namespace, name)}",
            parameters={**self._write_parameters(dry_run=dry_run), "force": "true" if force else "false"},
            body={"apiVersion": resource.api_version, "kind": resource.kind, **body},
            content_type=APPLY,
        )

    async def merge_patch(self, resource: Resource, body: RawObject, *, subresource: str = "") -> RawObject:
        """Merge the body into the object that its metadata names; None removes a field, lists are replaced whole.

        With a `metadata.resourceVersion` in the body, only if nobody wrote since (`ConflictError`).
        """
        namespace, name = _identity(body)
        return await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            action=f"patch {resource.describe(namespace, name)}",
            parameters=self._write_parameters(),
            body=body,
            content_type=MERGE,
        )

    async def json_patch(
        self, resource: Resource, name: str, operations: Sequence[Mapping[str, object]], *, namespace: str = ""
    ) -> RawObject:
        """Apply RFC 6902 operations; a failed `test` operation is a `KubeError` with status 422."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name),
            action=f"patch {resource.describe(namespace, name)}",
            parameters=self._write_parameters(),
            body=list(operations),
            content_type=JSON_PATCH,
        )

    async def delete(
        self, resource: Resource, name: str, namespace: str = "", *, uid: str = "", grace_seconds: int | None = None
    ) -> RawObject:
        """Delete an object, with `uid` only the very one that is meant (`ConflictError` else)."""
        options: RawObject = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        action = f"delete {resource.describe(namespace, name)}"
        return await self.request("DELETE", resource.path(namespace, name), action=action, body=options)

    # --- the rest ---

    async def review_token(self, token: str, audiences: Sequence[str]) -> RawObject:
        """Ask the API server whose token this is.

        Returns:
            the TokenReview's status: `authenticated` (may be missing: no), `user` with `username`, `uid`, `groups`,
            `extra`, and `audiences`, those of ours that the token is for.
        """
        body = {
            "apiVersion": TOKEN_REVIEWS.api_version,
            "kind": TOKEN_REVIEWS.kind,
            "spec": {"token": token, "audiences": list(audiences)},
        }
        answer = await self.request("POST", TOKEN_REVIEWS.path(), action="review a token", body=body)
        status: RawObject = answer.get("status") or {}
        return status

    async def request(  # noqa: PLR0913 - the one place where all parts of a request come together
        self,
        method: str,
        path: str,
        *,
        action: str = "",
        parameters: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> RawObject:
        """Send one request to any path and return the decoded answer, {"text": ...} where it is not JSON.

        Args:
            method: the HTTP method.
            path: from the root, as `/version`.
            action: what is being done, the beginning of the error's message.
            parameters: the query.
            body: what to send, as JSON.
            content_type: of the body.
        """
        action = action or f"{method} {path}"
        try:
            answer = await self._http.request(
                method,
                path,
                params=parameters,
                content=None if body is None else orjson.dumps(body),
                headers=None if body is None else {"Content-Type": content_type},
            )
        except httpx.RequestError as error:
            raise error_from_silence(action, self.address, error) from error
        except NO_CREDENTIALS as error:
            raise error_from_credentials(action, error) from error
        if not answer.is_success:
            raise error_from_answer(action, answer.status_code, answer.content)
        try:
            decoded: RawObject = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            return {"text": answer.text}
        return decoded

    async def _read(
        self, path: str, parameters: Mapping[str, str], action: str, most_bytes: int | None, form: str = ""
    ) -> bytes | None:
        """Read the body of a GET, and stop with None where it has more than `most_bytes`."""
        body = bytearray()
        try:
            headers = {"Accept": form} if form else None
            async with self._http.stream("GET", path, params=parameters, headers=headers) as answer:
                if not answer.is_success:
                    raise error_from_answer(action, answer.status_code, await answer.aread())
                async for piece in answer.aiter_bytes():
                    body += piece
                    if most_bytes is not None and len(body) > most_bytes:
                        return None
        except httpx.RequestError as error:
            raise error_from_silence(action, self.address, error) from error
        except NO_CREDENTIALS as error:
            raise error_from_credentials(action, error) from error
        return bytes(body)

    def _write_parameters(self, *, dry_run: bool = False) -> dict[str, str]:
        parameters = {"fieldManager": self.field_manager}
        if dry_run:
            parameters["dryRun"] = "All"
        return parameters


def _identity(body: RawObject) -> tuple[str, str]:
    metadata = body.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _name_kind(item: RawObject, resource: Resource) -> None:
    """Items of a list say no kind, and metadata alone says that it is metadata."""
    if item.get("kind", _PARTIAL) == _PARTIAL:
        item["apiVersion"], item["kind"] = resource.api_version, resource.kind


async def _named(events: AsyncIterator[RawObject], resource: Resource) -> AsyncIterator[RawObject]:
    async for event in events:
        _name_kind(event["object"], resource)
        yield event
