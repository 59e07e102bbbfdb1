"""Every exception that Moorage raises.

A denial is not here: it is a value, `moorage.policy.Decision`.

    MoorageError
    ├── InputError              what a person wrote can't be used; names the object, the field and the remedy
    │   ├── LabelError          a pod's labels or annotations
    │   └── SettingError        an environment variable or a command's option
    ├── KubeError               the API server answered with an error; has `status` and `reason`
    │   ├── NotFoundError       404
    │   ├── ConflictError       409: somebody else wrote first
    │   ├── ForbiddenError      401 or 403: our own rights do not suffice
    │   ├── GoneError           410: the watch must list again
    │   └── UnreachableError    no answer at all
    ├── SourceError             a data source can't be read; has a stable `reason` for conditions
    ├── StoreError              an artifact store can't be used; has a stable `reason`
    ├── KubeflowError           Kubeflow Pipelines, or its ML Metadata, does not answer as it must
    ├── TaskError               what a task reads can't be fetched, or what it wrote can't be uploaded
    ├── BrokerError             the credential broker can't answer now; asking again may help
    ├── PlanningError           no plan was found in the time that was given
    ├── MountError              a mount on this node could not be made
    └── DevClusterError         the development cluster can't be built, started or stopped
"""


class MoorageError(Exception):
    """The root: whatever is caught by this name has a message fit for a person."""


class InputError(MoorageError):
    """Invalid input from a person.

    Attributes:
        subject: the object, as `Dataset steward/claims`.
        field: the path of the field, as `spec.sources[0].s3.bucket`.
        problem: what is wrong, with what to do about it.
    """

    def __init__(self, subject: str, field: str, problem: str) -> None:
        super().__init__(f"{subject}: {field}: {problem}")
        self.subject = subject
        self.field = field
        self.problem = problem


class LabelError(InputError):
    """A pod's labels or annotations can't be read."""


class SettingError(InputError):
    """An environment variable or an option can't be used."""


class KubeError(MoorageError):
    """The API server answered with an error.

    Attributes:
        status: the HTTP status, 0 where there was no answer.
        reason: the machine-readable reason of the Status object, or "".
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFoundError(KubeError):
    """The object, or its resource, is not there."""


class ConflictError(KubeError):
    """Somebody else wrote first, or the object exists already."""


class ForbiddenError(KubeError):
    """Our own rights do not suffice."""


class GoneError(KubeError):
    """The resource version is too old: list again."""


class UnreachableError(KubeError):
    """The API server did not answer."""


class SourceError(MoorageError):
    """A data source can't be read.

    Attributes:
        reason: CamelCase and stable, for a condition, as `BucketNotFound`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StoreError(MoorageError):
    """A Site's artifact store can't be read or written.

    Attributes:
        reason: CamelCase and stable, for a condition, as `StoreUnreachable`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class KubeflowError(MoorageError):
    """Kubeflow Pipelines, or the ML Metadata beside it, answered with an error, or not at all.

    Attributes:
        status: the HTTP status; 0 where there was no answer, or none of HTTP.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class TaskError(MoorageError):
    """A task's inputs can't be fetched, or its outputs can't be uploaded; trying again would not help."""


class BrokerError(MoorageError):
    """The credential broker can't answer now; asking again may help."""


class PlanningError(MoorageError):
    """A planning that ended in time with neither a plan nor a proof that there is none."""


class MountError(MoorageError):
    """A mount on this node could not be made."""


class NotYetError(MountError):
    """A mount that will be made, once something is done that is under way."""


class DevClusterError(MoorageError):
    """The development cluster can't be built, started or stopped; the message says what is missing."""
