"""What each kind of source says of itself: its words, its forms on the wire, and what can be done with it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Self

from moorage.errors import BrokerError
from moorage.reading.fields import Fields
from moorage.sources.paths import is_folder_name
from moorage.sources.provision import Provision
from moorage.sources.uris import Uri
from moorage.sources.web_identity import SessionRequest


class Server(Enum):
    """Who serves a mount."""

    NODE = "node"
    """The node's kernel."""
    SIDECAR = "sidecar"
    """The mount server beside the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What can be done with a kind of source today.

    Attributes:
        served_by: who serves a mount of it; None: it can't be mounted yet.
        own_site_only: it is on the nodes of its site and nowhere else.
        listed: the operator looks into it: size, version, format.
        handed_out: `configmap` tells a pod where it is.
        written: it can hold a site's artifacts.
        writable: a pod can be given a mount of it that it may write to.
        in_memory: it is a node's memory, which pods get by a use of its own; nothing of it is on any disk.
        looked_up: the operator asks somebody where its files are, and it is served once that is known.
    """

    served_by: Server | None = None
    own_site_only: bool = False
    listed: bool = False
    handed_out: bool = False
    written: bool = False
    writable: bool = False
    in_memory: bool = False
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of one source. Never printed.

    Attributes:
        access_key_id: says whose they are.
        secret_access_key: signs.
        session_token: of keys that were made for a session.
        ends_at: when the session ends, in seconds since 1970; None: they are good until somebody changes them.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a source's keys are.

    Attributes:
        named_in: the field that names the Secret, for messages, as `s3.secretRef.name`.
        secret_name: of a Secret in the dataset's namespace; None: there is none.
        inline: written into the Dataset itself.
    """

    named_in: str
    secret_name: str | None
    inline: Credentials | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HandOut:
    """What `configmap` tells a pod.

    Attributes:
        values: by the variable's name, which follows `<dataset>_`.
        secret_name: of the Secret whose keys it refers to; None: anybody may read.
        secret_keys: by the variable's name, likewise: what that Secret calls it.
    """

    values: Mapping[str, str]
    secret_name: str | None = None
    secret_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of `create` that writes a field of the kind's mapping.

    Attributes:
        flag: as it is typed.
        help: one sentence.
        write: what the option's value says in the mapping; ValueError, with the remedy, where it can't be read.
        metavar: of the value in the help; "": click's own.
    """

    flag: str
    help: str
    write: Callable[[str], Mapping[str, Any]]
    metavar: str = ""


class Location(ABC):
    """Where a full copy of the data is. Each kind is a frozen record in a file of its own.

    Attributes:
        kind: the field's name in `spec.sources[]`.
        abilities: of the kind.
        local_types: the words for it in `spec.local`.
        local_keys: the fields that `spec.local` has for it.
        remote_types: the words for it in `spec.remote` (Datashim's).
        remote_keys: the fields that `spec.remote` has for it.
        options: of `create`.
    """

    __slots__ = ()

    kind: ClassVar[str]
    abilities: ClassVar[Abilities] = Abilities()
    local_types: ClassVar[tuple[str, ...]] = ()
    local_keys: ClassVar[tuple[str, ...]] = ()
    remote_types: ClassVar[tuple[str, ...]] = ()
    remote_keys: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[Option, ...]] = ()

    # --- its forms ---

    @classmethod
    @abstractmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping in a spec, or in a grant; the caller calls `finish`."""

    @abstractmethod
    def write(self) -> dict[str, Any]:
        """The mapping that reads back as this; it holds no key."""

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """From `spec.local`, for kinds with `local_types`."""
        raise NotImplementedError(f"spec.local has no type {type_name} for {cls.kind} {fields.path}")

    @classmethod
    def read_remote(cls, fields: Fields) -> Self:
        """From `spec.remote`, for kinds with `remote_types`."""
        raise NotImplementedError(f"spec.remote has no {cls.kind} {fields.path}")

    # --- its words ---

    @property
    @abstractmethod
    def words(self) -> str:
        """Where it is, in one line without anything secret."""

    @property
    def label(self) -> str:
        """The kind in messages."""
        return self.kind

    @property
    def where(self) -> Mapping[str, str]:
        """Where it is as facts for the audit, without anything secret."""
        return {key: value for key, value in self.write().items() if isinstance(value, str)}

    # --- what can be done with it ---

    @property
    def memory_bytes(self) -> int | None:
        """How much of a node's memory it may hold; None: it is not a node's memory."""
        return None

    @property
    def served(self) -> bool:
        """Whether it can be mounted."""
        return self.abilities.served_by is not None

    @property
    def needs_copy(self) -> bool:
        """Whether a pod can read it from a node's own copy only."""
        return False

    @property
    def remedy(self) -> str:
        """What to do about one that can't be mounted; "": take another kind."""
        return ""

    @property
    def lacks(self) -> str:
        """What somebody has to add before one that is looked up can be; "": nothing."""
        return ""

    @property
    def keys(self) -> Keys | None:
        """Where its keys are; None for a kind that has none."""
        return None

    def session(self, *, writes: bool) -> SessionRequest | None:
        """What a token is exchanged for, to read it (and write); None for one whose keys are had in another way."""
        del writes
        return None

    @property
    def provision(self) -> Provision | None:
        """Whether it is made where it is missing; None: by people."""
        return None

    @property
    def bucket_name(self) -> str:
        """Of the bucket that it lies in; "": in none, or nobody knows."""
        return ""

    def without_keys(self) -> Self:
        """The same for who only asks whether it is served, and keeps many: without keys and certificates."""
        return self

    def for_writers(self) -> Self:
        """The same with the keys of those who write, where it has some of their own."""
        return self

    def granted(self) -> Self:
        """What a node plugin is told of it: all that a mount needs but the keys, which go beside it.

        Raises:
            BrokerError: it can't be mounted.
            SourceError: what it says can't be used.
        """
        if not self.served:
            raise BrokerError(f"a source of kind {self.label} can't be mounted")
        return self.for_mount()

    def for_mount(self) -> Self:
        """Of a kind that can be mounted: without what a node plugin has no use for."""
        return self

    def hand_out(self) -> HandOut | str:
        """What `configmap` tells a pod, or what keeps it from that: a noun, as `webIdentity instead of keys`."""
        return f"a source of kind {self.kind}"

    def resolved(self, asked: str, folder: str) -> "Location":
        """Where its files are, by what the operator found for `asked`; itself where it says so without being asked."""
        del asked, folder
        return self

    def inside(self, folder: str) -> Self:
        """A folder of it, named from its own."""
        raise NotImplementedError(f"{self.kind} has no folder {folder}")

    def folder_of(self, uri: Uri) -> str | None:
        """The folder of it that a catalogue's URI means, as `inside` takes it; None where the URI lies elsewhere."""
        count = self.holds(uri)
        return None if count is None else uri.path.strip("/")[count:].strip("/")

    def may_hold(self, folder: str) -> bool:
        """Whether `inside` takes such a name, which somebody else than the Dataset's author wrote."""
        return is_folder_name(folder)

    def holds(self, uri: Uri) -> int | None:
        """How many characters of the URI's path it accounts for; None where the URI does not lie in it."""
        del uri
        return None
