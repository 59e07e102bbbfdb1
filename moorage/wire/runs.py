"""StretchedPipeline and PipelineGroup objects: specs in and out. Their statuses are written by hub and spoke."""

from typing import Any

from moorage.reading.fields import Fields, Raw, object_fields
from moorage.runs.names import RunRef
from moorage.runs.pipelines import (
    LOST_AFTER_SECONDS,
    QUEUE_LABEL,
    ExportSpec,
    GroupSpec,
    ImportSpec,
    PipelineGroup,
    PipelineSource,
    StretchedPipeline,
)
from moorage.wire.numbers import write_number


def read_stretched_pipeline(raw: Raw) -> StretchedPipeline:
    """Read the run that a raw object means.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, name, metadata = object_fields(raw, "StretchedPipeline")
    spec = Fields(subject, "", raw).required_sub("spec")
    hints, retention = spec.sub("hints"), spec.sub("retention")
    run = StretchedPipeline(
        ref=RunRef(str(metadata.get("namespace") or "default"), name, str(metadata.get("uid") or "")),
        source=_read_source(spec.required_sub("pipeline")),
        parameters=spec.mapping("parameters"),
        objective=spec.text("objective") or "money",
        tolerance=_number(spec, "tolerance", 0.01),
        time_limit_seconds=_number(spec, "timeLimitSeconds", 60.0),
        hints=None if hints is None else hints.raw,
        hints_config_map=spec.text("hintsConfigMap"),
        service_account=spec.text("serviceAccountName") or "default",
        approval=spec.word("approval", "automatic", "manual") == "manual" if spec.value("approval") else False,
        approved_plan=spec.text("approvedPlan"),
        cancel=spec.flag("cancel"),
        retries=spec.count("retries") or 0,
        lost_after_seconds=_number(spec, "lostAfterSeconds", LOST_AFTER_SECONDS),
        queue=str((metadata.get("labels") or {}).get(QUEUE_LABEL) or ""),
        retention_days=None if retention is None else retention.count("days"),
        keep_artifacts=False if retention is None else retention.flag("keepArtifacts"),
        ttl_seconds=spec.count("ttlSecondsAfterFinished"),
        learn=spec.flag("learn") if spec.value("learn") is not None else True,
        generation=int(metadata.get("generation") or 0),
        deleting=bool(metadata.get("deletionTimestamp")),
    )
    if retention is not None:
        retention.finish()
    spec.finish()
    return run


def _read_source(fields: Fields) -> PipelineSource:
    config_map, stored = fields.sub("configMapRef"), fields.sub("object")
    inline = fields.text("inline", lines=True)
    if sum(each is not None for each in (config_map, stored, inline)) != 1:
        fields.fail("", "needs exactly one of inline, configMapRef and object")
    source = PipelineSource(
        inline=inline,
        config_map=None if config_map is None else config_map.required_text("name"),
        key=(None if config_map is None else config_map.text("key")) or "pipeline.yaml",
        object_site=None if stored is None else stored.name("site"),
        object_key=None if stored is None else stored.required_text("key"),
    )
    for sub in (config_map, stored):
        if sub is not None:
            sub.finish()
    fields.finish()
    return source


def write_stretched_pipeline_spec(run: StretchedPipeline) -> dict[str, Any]:
    """Write the `spec` that reads back as `run`; defaults are left out."""
    spec: dict[str, Any] = {"pipeline": _write_source(run.source)}
    numbers = (
        ("tolerance", run.tolerance, 0.01),
        ("timeLimitSeconds", run.time_limit_seconds, 60.0),
        ("lostAfterSeconds", run.lost_after_seconds, LOST_AFTER_SECONDS),
    )
    optional = {
        "parameters": dict(run.parameters),
        "objective": run.objective if run.objective != "money" else None,
        **{key: write_number(number) for key, number, default in numbers if number != default},
        "hintsConfigMap": run.hints_config_map,
        "serviceAccountName": run.service_account if run.service_account != "default" else None,
        "approval": "manual" if run.approval else None,
        "approvedPlan": run.approved_plan,
        "cancel": run.cancel,
        "retries": run.retries,
    }
    spec |= {key: value for key, value in optional.items() if value}
    if run.retention_days is not None:
        spec["retention"] = {"days": run.retention_days} | ({"keepArtifacts": True} if run.keep_artifacts else {})
    if run.ttl_seconds is not None:
        spec["ttlSecondsAfterFinished"] = run.ttl_seconds
    if not run.learn:
        spec["learn"] = False
    if run.hints is not None:
        spec["hints"] = dict(run.hints)
    return spec


def _write_source(source: PipelineSource) -> dict[str, Any]:
    if source.inline is not None:
        return {"inline": source.inline}
    if source.config_map is not None:
        return {"configMapRef": {"name": source.config_map, "key": source.key}}
    return {"object": {"site": source.object_site, "key": source.object_key}}


def read_pipeline_group(raw: Raw) -> PipelineGroup:
    """Read the PipelineGroup that a raw object means.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, name, metadata = object_fields(raw, "PipelineGroup")
    spec = Fields(subject, "", raw).required_sub("spec")
    run = spec.required_sub("run")
    attempt = spec.count("attempt", least=1)
    if attempt is None:
        spec.fail("attempt", "is required")
    group = GroupSpec(
        run=RunRef(run.name("namespace"), run.required_text("name"), run.required_text("uid")),
        group=spec.required_text("group"),
        attempt=attempt,
        site=spec.name("site"),
        file=spec.required_text("file"),
        file_sha256=spec.required_text("fileSHA256"),
        parameters=spec.mapping("parameters"),
        imports=tuple(_read_import(entry) for entry in spec.subs("imports")),
        exports=tuple(_read_export(entry) for entry in spec.subs("exports")),
        service_account=spec.text("serviceAccountName") or "default",
        task_names=_read_task_names(spec),
        cancel=spec.flag("cancel"),
    )
    run.finish()
    spec.finish()
    namespace = str(metadata.get("namespace") or "default")
    if group.run.namespace != namespace:
        # Who may write PipelineGroups in one namespace must not reach the runs of another.
        run.fail("namespace", f"must be the PipelineGroup's own, {namespace}")
    return PipelineGroup(
        namespace=namespace,
        name=name,
        uid=str(metadata.get("uid") or ""),
        spec=group,
        queue=str((metadata.get("labels") or {}).get(QUEUE_LABEL) or ""),
        generation=int(metadata.get("generation") or 0),
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def _read_task_names(spec: Fields) -> dict[str, str]:
    names = spec.mapping("taskNames")
    if not all(isinstance(name, str) and name for name in names.values()):
        spec.fail("taskNames", "must be texts by texts")
    return names


def _read_import(fields: Fields) -> ImportSpec:
    found = ImportSpec(
        fields.required_text("parameter"), fields.name("site"), fields.text("artifact"), fields.text("value")
    )
    _check_one(fields, found)
    return found


def _read_export(fields: Fields) -> ExportSpec:
    found = ExportSpec(fields.required_text("output"), fields.text("artifact"), fields.text("value"))
    _check_one(fields, found)
    return found


def _check_one(fields: Fields, found: ImportSpec | ExportSpec) -> None:
    if (found.artifact is None) == (found.value is None):
        fields.fail("artifact", "or value is required, not both")
    fields.finish()


def write_pipeline_group_spec(group: GroupSpec) -> dict[str, Any]:
    """Write the `spec` that reads back as `group`; defaults are left out."""
    spec: dict[str, Any] = {
        "run": {"namespace": group.run.namespace, "name": group.run.name, "uid": group.run.uid},
        "group": group.group,
        "attempt": group.attempt,
        "site": group.site,
        "file": group.file,
        "fileSHA256": group.file_sha256,
    }
    if group.parameters:
        spec["parameters"] = dict(group.parameters)
    if group.imports:
        spec["imports"] = [
            {"parameter": each.parameter, "site": each.site, **_write_one(each)} for each in group.imports
        ]
    if group.exports:
        spec["exports"] = [{"output": each.output, **_write_one(each)} for each in group.exports]
    if group.service_account != "default":
        spec["serviceAccountName"] = group.service_account
    if group.task_names:
        spec["taskNames"] = dict(group.task_names)
    if group.cancel:
        spec["cancel"] = True
    return spec


def _write_one(each: ImportSpec | ExportSpec) -> dict[str, str]:
    return {"artifact": each.artifact} if each.artifact is not None else {"value": each.value or ""}


def _number(fields: Fields, key: str, default: float) -> float:
    number = fields.number(key)
    return default if number is None else number
