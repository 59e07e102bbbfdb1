"""PipelineSchedules as records: when a pipeline runs by itself, and on whose change."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from moorage.model import DatasetRef
from moorage.runs.cron import Timing

SCHEDULE_LABEL: Final = "moorage.dev/schedule"
"""The label of a run that a schedule made: the schedule's uid."""
DUE_ANNOTATION: Final = "moorage.dev/scheduled-at"
"""The annotation of such a run with its due time, RFC 3339; absent where a Dataset's change made it."""
LONGEST_SCHEDULE_NAME: Final = 40
MOST_TRIGGERS: Final = 16


class ConcurrencyPolicy(StrEnum):
    """The policy on a run that is due while an earlier one has not ended."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A Dataset whose new version makes a run.

    Attributes:
        parameter: of the pipeline, which gets the version; "" for none.
        debounce_seconds: how long a version must stand before it makes a run.
    """

    dataset: DatasetRef
    parameter: str = ""
    debounce_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class PipelineSchedule:
    """The timing of a pipeline that runs by itself. Its template is left out, as it may be large.

    Attributes:
        timing: None where only Datasets make runs.
        deadline: how late a run may begin; None: at any time.
        catch_up: how many missed times are made up for at most, the latest ones.
        max_active: how many runs of it there may be at once.
        kept_succeeded, kept_failed: how many of its ended runs are kept.
        service_account: of the template: who reads the Datasets that it waits for.
    """

    namespace: str
    name: str
    uid: str
    created: datetime
    timing: Timing | None = None
    deadline: timedelta | None = None
    catch_up: int = 1
    concurrency: ConcurrencyPolicy = ConcurrencyPolicy.ALLOW
    max_active: int = 10
    suspend: bool = False
    kept_succeeded: int = 10
    kept_failed: int = 10
    triggers: tuple[Trigger, ...] = ()
    service_account: str = "default"
    generation: int = 0
    deleting: bool = False

    @property
    def room(self) -> int:
        """The number of its runs that there may be at once."""
        return self.max_active if self.concurrency is ConcurrencyPolicy.ALLOW else 1


@dataclass(frozen=True, slots=True)
class TriggerState:
    """The state of one Dataset's trigger.

    Attributes:
        version: the one that the last run was made for; "" where there was none at the first look.
        pending: a newer one.
        since: when the first version came that no run was made for yet.
        changed: when `pending` came.
    """

    dataset: DatasetRef
    version: str = ""
    pending: str = ""
    since: datetime | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule's status.

    Attributes:
        last: the due time of the last run.
        next: when one is due next.
        triggered: how many runs Datasets have made.
        suspended: whether it was suspended at the last look.
        active: how many of its runs have not ended.
        problem: why no run can be made; "" where one can.
    """

    last: datetime | None = None
    next: datetime | None = None
    triggered: int = 0
    triggers: tuple[TriggerState, ...] = field(default_factory=tuple)
    suspended: bool = False
    active: int = 0
    problem: str = ""
