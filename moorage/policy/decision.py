"""Decision of the policy engine."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.model import DatasetRef


class Rule(StrEnum):
    """The stable codes of the rules, in the order in which they are asked."""

    DATASET_UNKNOWN = "DatasetUnknown"
    SITE_UNKNOWN = "SiteUnknown"
    CLEARANCE_TOO_LOW = "ClearanceTooLow"
    RESIDENCY_VIOLATED = "ResidencyViolated"
    SITE_NOT_ALLOWED = "SiteNotAllowed"
    SITE_DENIED = "SiteDenied"
    PURPOSE_MISSING = "PurposeMissing"
    PURPOSE_NOT_ALLOWED = "PurposeNotAllowed"
    CONSUMER_NOT_ALLOWED = "ConsumerNotAllowed"
    CONFIDENTIAL_COMPUTE_REQUIRED = "ConfidentialComputeRequired"
    ACCESS_NOT_OFFERED = "AccessNotOffered"
    WRITER_NOT_ALLOWED = "WriterNotAllowed"
    RULES_TOO_WEAK = "RulesTooWeak"


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed, or the first rule that refused, with one sentence that names dataset, site and remedy."""

    allowed: bool
    rule: Rule | None = None
    message: str = ""
    dataset: DatasetRef | None = None

    @classmethod
    def denied(cls, rule: Rule, message: str, dataset: DatasetRef | None) -> "Decision":
        """Return a refusal by this rule."""
        return cls(allowed=False, rule=rule, message=message, dataset=dataset)


ALLOWED = Decision(allowed=True)
