"""The options by which all commands of `audit` are told where evidence is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from moorage.errors import InputError
from moorage.model import SYSTEM_NAMESPACE
from moorage.reading.duration import parse_seconds
from moorage.stores.buckets import Bucket, read_bucket

Function = TypeVar("Function", bound=Callable[..., Any])

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*")
_LONGEST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Whence:
    """Where evidence is to be read.

    Attributes:
        files: batches, or logs of components; `-` is stdin.
        location: a bucket; None: what the cluster says.
        system_namespace: Moorage's own.
    """

    files: tuple[Path, ...]
    location: Bucket | None
    system_namespace: str

    @property
    def by_cluster(self) -> bool:
        """Whether the cluster says where it is, and which keys are trusted."""
        return not self.files and self.location is None


def whence_options(function: Function) -> Function:
    """Add --file, --store and what belongs to it."""
    options = (
        click.option(
            "--file",
            "files",
            multiple=True,
            type=click.Path(path_type=Path, allow_dash=True),
            help="Read this file, or - for stdin: a component's log, or objects of the store. Repeatable.",
        ),
        click.option(
            "--store", help="Read s3://BUCKET/PREFIX, with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ),
        click.option("--endpoint", envvar="AWS_ENDPOINT_URL_S3", help="The URL of that store; needed with --store."),
        click.option("--region", envvar="AWS_REGION", help="The region of that store."),
        click.option(
            "--ca-bundle",
            type=click.Path(path_type=Path),
            help="The CAs to trust for that store, a PEM file [default: public CAs].",
        ),
        click.option(
            "--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Where Moorage is installed."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def read_whence(options: dict[str, Any]) -> Whence:
    """Take these options out of a command's.

    Raises:
        InputError: they don't fit together.
    """
    files: tuple[Path, ...] = options.pop("files")
    store, endpoint = options.pop("store"), options.pop("endpoint")
    region, bundle = options.pop("region"), options.pop("ca_bundle")
    namespace: str = options.pop("system_namespace")
    if files and store:
        raise InputError("--store", store, "can't be read together with --file: leave out the one or the other")
    location = None
    if store:
        url = urlsplit(store)
        if not store.startswith("s3://") or not url.netloc:
            raise InputError("--store", store[:200], "must be s3://BUCKET or s3://BUCKET/PREFIX")
        if not endpoint:
            raise InputError("--endpoint", "", "is missing: give the store's URL, or set AWS_ENDPOINT_URL_S3")
        raw = {"endpoint": endpoint, "bucket": url.netloc, "prefix": url.path.strip("/")}
        raw |= {"region": region} if region else {}
        raw |= {"caBundle": _text(bundle)} if bundle else {}
        location = read_bucket(raw, "--store")
    return Whence(files, location, namespace)


def named(option: str, text: str | None, namespace: str | None) -> str | None:
    """`NAMESPACE/NAME`, or `NAME` with -n.

    Raises:
        InputError: it is neither.
    """
    if text is None:
        return None
    whole = text if "/" in text or namespace is None else f"{namespace}/{text}"
    if not _NAME.fullmatch(whole):
        raise InputError(option, text[:200], "must be NAMESPACE/NAME, or NAME with -n NAMESPACE")
    return whole


def moment(text: str | None, now: datetime) -> datetime | None:
    """A time: RFC 3339, or how long ago, as 30m, 24h or 7d.

    Raises:
        InputError: it is neither.
    """
    if text is None:
        return None
    try:
        if (days := re.fullmatch(r"([0-9]{1,5})d", text)) is not None:
            return now - timedelta(days=min(int(days[1]), _LONGEST_DAYS))
        if text[:4].isdecimal() and "-" in text:
            found = datetime.fromisoformat(text)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return now - timedelta(seconds=float(parse_seconds(text, as_kubectl=True)))
    except (ValueError, OverflowError):
        problem = "must be a time, as 2026-11-30T06:00:00Z, or how long ago: 30m, 24h, 7d"
        raise InputError("--since", text[:80], problem) from None


def line_time(text: str | None) -> str | None:
    """The same, told until now, as lines of evidence have their times; None where nobody said.

    Raises:
        InputError: it is neither.
    """
    begin = moment(text, datetime.now(tz=UTC))
    return None if begin is None else f"{begin:%Y-%m-%dT%H:%M:%S}.000Z"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("--ca-bundle", str(path), f"can't be read: {error}") from None
