"""The one policy engine: whether a reader may read a dataset at a place, and what holds for data that was joined.

A rule is a small function from a `Question` to a refusal or None; the chain asks them in a fixed order and the first
refusal is the decision. Pure: no clock, no cluster. A denial is a value.
"""

from moorage.policy.chain import (
    decide,
    decide_all,
    decide_joined,
    decide_reader,
    decide_transfer,
    effective_purpose,
    refusals,
)
from moorage.policy.decision import ALLOWED, Decision, Rule
from moorage.policy.join import join, join_maps, meet
from moorage.policy.places import COUNTRIES, EEA, EU, lies_in, unknown_places
from moorage.policy.rules import is_consumer
from moorage.policy.strictness import weaknesses
from moorage.policy.writing import carried_rules, decide_flow, decide_write, may_write

__all__ = [
    "ALLOWED",
    "COUNTRIES",
    "EEA",
    "EU",
    "Decision",
    "Rule",
    "carried_rules",
    "decide",
    "decide_all",
    "decide_flow",
    "decide_joined",
    "decide_reader",
    "decide_transfer",
    "decide_write",
    "effective_purpose",
    "is_consumer",
    "join",
    "join_maps",
    "lies_in",
    "may_write",
    "meet",
    "refusals",
    "unknown_places",
    "weaknesses",
]
