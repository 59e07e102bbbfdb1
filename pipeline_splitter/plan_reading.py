"""Reads `plan.json` and `infeasible.json` back: strictly, so that a field misspelt is never a field left out."""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from moorage.errors import InputError
from moorage.model import API_VERSION, Classification, DatasetRef, Governance
from moorage.objectives import OBJECTIVES, priced
from moorage.reading.fields import Fields
from pipeline_splitter.graph import DatumKind
from pipeline_splitter.plan import (
    Alternative,
    Denial,
    Export,
    Group,
    Import,
    Infeasible,
    InsertedRelease,
    ObjectiveResult,
    Plan,
    PlannedTask,
    Transfer,
)

Record = TypeVar("Record")


def read_plan(text: str | bytes, subject: str = "plan.json") -> Plan:
    """Read the plan that `write_plan` wrote.

    Raises:
        InputError: it is not JSON, a field is missing, unknown or of another type.
    """
    fields = _document(text, subject)
    for key, expected in (("apiVersion", API_VERSION), ("kind", "Plan")):
        if _text(fields, key) != expected:
            fields.fail(key, f"must be {expected}, not {fields.raw[key]!r}: give a plan that this version wrote")
    pipeline = _sub(fields, "pipeline")
    costs = _sub(fields, "costs")
    plan = Plan(
        pipeline_name=_text(pipeline, "name"),
        pipeline_digest=_text(pipeline, "digest"),
        cost=_records(fields, "cost", _objective),
        costs={name: _number(costs, name) for name in OBJECTIVES},
        tasks=_records(fields, "tasks", _task),
        transfers=_records(fields, "transfers", _transfer),
        groups=_records(fields, "groups", _group),
        releases=_records(fields, "releases", _release),
        warnings=_texts(fields, "warnings"),
        currency=_text(fields, "currency") if fields.value("currency") is not None else "",
    )
    for part in (pipeline, costs, fields):
        part.finish()
    return plan


def read_infeasible(text: str | bytes, subject: str = "infeasible.json") -> Infeasible:
    """Read the explanation that `write_infeasible` wrote.

    Raises:
        InputError: it is not JSON, or not of that form.
    """
    fields = _document(text, subject)
    undecided = _texts(fields, "undecided") if "undecided" in fields.raw else ()
    infeasible = Infeasible(_sentences(fields, "facts"), _sentences(fields, "remedies"), undecided)
    fields.finish()
    return infeasible


def _document(text: str | bytes, subject: str) -> Fields:
    try:
        raw = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_json)
    except RecursionError:
        raise InputError(subject, "(document)", "is nested too deeply to be read") from None
    except ValueError as error:
        raise InputError(subject, "(document)", f"is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise InputError(subject, "(document)", "must be a JSON object")
    return Fields(subject, "", raw)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} appears twice in one object")
    return found


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _required(fields: Fields, key: str) -> Any:  # noqa: ANN401 - raw JSON
    if key not in fields.raw:
        fields.fail(key, "is missing: write the plan again")
    return fields.value(key)


def _text(fields: Fields, key: str) -> str:
    value = _required(fields, key)
    if not isinstance(value, str):
        fields.fail(key, f"must be a string, not {value!r}")
    return value


def _number(fields: Fields, key: str) -> float:
    value = _required(fields, key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        fields.fail(key, f"must be a number, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        fields.fail(key, "is too large")
    return number


def _flag(fields: Fields, key: str) -> bool:
    value = _required(fields, key)
    if not isinstance(value, bool):
        fields.fail(key, f"must be true or false, not {value!r}")
    return value


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    value = _required(fields, key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        fields.fail(key, "must be a list of strings")
    return tuple(value)


def _sub(fields: Fields, key: str) -> Fields:
    _required(fields, key)
    return fields.sub(key) or fields.fail(key, "must be a mapping")


def _records(fields: Fields, key: str, read: Callable[[Fields], Record]) -> tuple[Record, ...]:
    _required(fields, key)
    if not isinstance(fields.raw[key], list):
        fields.fail(key, "must be a list")
    found = []
    for item in fields.subs(key):
        found.append(read(item))
        item.finish()
    return tuple(found)


def _ref(fields: Fields, key: str, text: str) -> DatasetRef:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        fields.fail(key, f"{text!r} must be namespace/name")
    return DatasetRef(namespace, name)


def _objective(fields: Fields) -> ObjectiveResult:
    return ObjectiveResult(
        objective=_text(fields, "objective"),
        value=_number(fields, "value"),
        lower_bound=_number(fields, "lowerBound"),
        gap=_number(fields, "gap"),
        optimal=_flag(fields, "optimal"),
        certified=_flag(fields, "certified"),
        solver=_text(fields, "solver"),
    )


def _task(fields: Fields) -> PlannedTask:
    carried = _sub(fields, "governance")
    return PlannedTask(
        name=_text(fields, "name"),
        site=_text(fields, "site"),
        group=_text(fields, "group"),
        start=_number(fields, "start"),
        end=_number(fields, "end"),
        reason=_text(fields, "reason"),
        governance={_ref(carried, key, key): _governance(_sub(carried, key)) for key in carried.raw},
        assumed=_texts(fields, "assumed"),
        inserted=_flag(fields, "inserted"),
        alternatives=_records(fields, "alternatives", _alternative),
        title=_text(fields, "displayName") if fields.value("displayName") is not None else "",
    )


def _governance(fields: Fields) -> Governance:
    sites = _sub(fields, "sites") if "sites" in fields.raw else Fields(fields.subject, fields.path, {})
    governance = Governance(
        classification=_classification(fields),
        residency=_words(fields, "residency"),
        sites_allow=_words(sites, "allow"),
        sites_deny=_words(sites, "deny") or frozenset(),
        purposes=_words(fields, "purposes"),
        consumers=_words(fields, "consumers"),
        writers=_words(fields, "writers"),
        confidential_compute=_flag(fields, "confidentialCompute") if "confidentialCompute" in fields.raw else False,
    )
    sites.finish()
    fields.finish()
    return governance


def _classification(fields: Fields) -> Classification:
    if "classification" not in fields.raw:
        return Classification.PUBLIC
    word = _text(fields, "classification")
    return fields.choice("classification", Classification) or fields.fail("classification", f"{word!r} is empty")


def _words(fields: Fields, key: str) -> frozenset[str] | None:
    """Absent: any. An empty list: nowhere, nobody."""
    return frozenset(_texts(fields, key)) if key in fields.raw else None


def _alternative(fields: Fields) -> Alternative:
    site = _text(fields, "site")
    if "denied" not in fields.raw:
        return Alternative(site, cost_delta=_number(fields, "costDelta"))
    denied = _sub(fields, "denied")
    dataset = _ref(denied, "dataset", _text(denied, "dataset")) if "dataset" in denied.raw else None
    denial = Denial(_text(denied, "rule"), _text(denied, "message"), dataset)
    denied.finish()
    return Alternative(site, denied=denial)


def _transfer(fields: Fields) -> Transfer:
    what = _sub(fields, "what")
    kinds = [kind for kind in DatumKind if kind.value in what.raw]
    if len(kinds) != 1:
        fields.fail("what", "must have exactly one of artifact, dataset and file")
    key = _text(what, kinds[0].value)
    what.finish()
    return Transfer(
        kind=kinds[0],
        key=key,
        origin=_text(fields, "from"),
        target=_text(fields, "to"),
        size_bytes=_number(fields, "bytes"),
        seconds=_number(fields, "seconds"),
        costs={each.name: _number(fields, each.name) for each in priced()},
        readers=_texts(fields, "readers"),
    )


def _group(fields: Fields) -> Group:
    return Group(
        id=_text(fields, "id"),
        site=_text(fields, "site"),
        tasks=_texts(fields, "tasks"),
        after=_texts(fields, "after"),
        file=_text(fields, "file"),
        imports=_records(fields, "imports", _import),
        exports=_records(fields, "exports", _export),
    )


def _import(fields: Fields) -> Import:
    artifact, value = _carried(fields)
    return Import(_text(fields, "parameter"), _text(fields, "from"), artifact, value)


def _export(fields: Fields) -> Export:
    artifact, value = _carried(fields)
    return Export(_text(fields, "output"), artifact, value)


def _carried(fields: Fields) -> tuple[str | None, str | None]:
    if ("artifact" in fields.raw) == ("value" in fields.raw):
        fields.fail("artifact", "exactly one of artifact and value must be there")
    if "artifact" in fields.raw:
        return _text(fields, "artifact"), None
    return None, _text(fields, "value")


def _release(fields: Fields) -> InsertedRelease:
    return InsertedRelease(
        dataset=_ref(fields, "dataset", _text(fields, "dataset")),
        release=_text(fields, "release"),
        task=_text(fields, "task"),
        site=_text(fields, "site"),
        datum=_text(fields, "datum"),
        readers=_texts(fields, "readers"),
    )


def _sentences(fields: Fields, key: str) -> tuple[dict[str, str], ...]:
    """Objects of strings, each with a message."""

    def read(item: Fields) -> dict[str, str]:
        _text(item, "message")
        return {word: _text(item, word) for word in item.raw}

    return _records(fields, key, read)
