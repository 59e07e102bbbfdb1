"""Small compiled pipelines, whose tasks are containers of the played kubelet's images."""

from collections.abc import Mapping
from typing import Any

import yaml

Raw = dict[str, Any]

IMAGE = "shell"
DATASET = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}

_WRITE = (
    'echo "writing $0"; mkdir -p "$(dirname "$1")" "$(dirname "$2")"; printf %s "$0" > "$1"; printf %s ${#0} > "$2"'
)
_DOUBLE = 'echo "doubling $0"; mkdir -p "$(dirname "$1")"; cat "$0" "$0" > "$1"'
_OUT = "{{$.outputs.artifacts['out'].path}}"


def written(*documents: Raw) -> bytes:
    """As the store holds it."""
    return yaml.safe_dump_all(documents).encode()


def spec(tasks: Raw, components: Raw, executors: Raw, root: Raw | None = None, outputs: Raw | None = None) -> Raw:
    """A pipeline."""
    dag = {"tasks": tasks, **({"outputs": outputs} if outputs else {})}
    return {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": {"dag": dag, **(root or {})},
    }


def task(component: str, *, after: tuple[str, ...] = (), **inputs: Raw) -> Raw:
    """A task of a dag; `parameters` and `artifacts` are its inputs."""
    made: Raw = {"componentRef": {"name": component}, "taskInfo": {"name": component}, "cachingOptions": {}}
    if after:
        made["dependentTasks"] = list(after)
    return made | ({"inputs": inputs} if inputs else {})


def shell(script: str, *args: str, image: str = IMAGE, **more: Any) -> Raw:  # noqa: ANN401 - of the container
    """An executor that runs a script."""
    return {"container": {"image": image, "command": ["sh", "-c", script], "args": list(args), **more}}


def pair() -> bytes:
    """Two tasks, `write` and `double`, the second of which reads what the first wrote."""
    outputs = {
        "artifacts": {"Output": {"artifactSelectors": [{"producerSubtask": "double", "outputArtifactKey": "out"}]}},
        "parameters": {"length": {"valueFromParameter": {"producerSubtask": "write", "outputParameterKey": "length"}}},
    }
    given = {"taskOutputArtifact": {"producerTask": "write", "outputArtifactKey": "out"}}
    tasks = {
        "write": task("comp-write", parameters={"text": {"componentInputParameter": "text"}}),
        "double": task("comp-double", after=("write",), artifacts={"given": given}),
    }
    components = {
        "comp-write": {
            "executorLabel": "exec-write",
            "inputDefinitions": {"parameters": {"text": {"parameterType": "STRING"}}},
            "outputDefinitions": {
                "artifacts": {"out": {"artifactType": DATASET}},
                "parameters": {"length": {"parameterType": "NUMBER_INTEGER"}},
            },
        },
        "comp-double": _doubling(),
    }
    length = "{{$.outputs.parameters['length'].output_file}}"
    executors = {
        "exec-write": shell(_WRITE, "{{$.inputs.parameters['text']}}", _OUT, length),
        "exec-double": shell(_DOUBLE, "{{$.inputs.artifacts['given'].path}}", _OUT),
    }
    root = {"inputDefinitions": {"parameters": {"text": {"parameterType": "STRING", "defaultValue": "hello"}}}}
    return written(spec(tasks, components, executors, root, outputs))


def reader() -> bytes:
    """What a group looks like that reads another's artifact and another's value: `given_uri`, `times`."""
    given = {"taskOutputArtifact": {"producerTask": "import-given", "outputArtifactKey": "artifact"}}
    tasks = {
        "import-given": task("comp-import", parameters={"uri": {"componentInputParameter": "given_uri"}}),
        "double": task("comp-double", after=("import-given",), artifacts={"given": given}),
        "say": task(
            "comp-say",
            after=("import-given",),
            artifacts={"given": given},
            parameters={"times": {"componentInputParameter": "times"}},
        ),
    }
    components = {
        "comp-import": {
            "executorLabel": "exec-import",
            "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
            "outputDefinitions": {"artifacts": {"artifact": {"artifactType": DATASET}}},
        },
        "comp-double": _doubling(),
        "comp-say": {
            "executorLabel": "exec-say",
            "inputDefinitions": {
                "artifacts": {"given": {"artifactType": DATASET}},
                "parameters": {"times": {"parameterType": "NUMBER_INTEGER"}},
            },
        },
    }
    importer = {"artifactUri": {"runtimeParameter": "uri"}, "typeSchema": DATASET}
    says = ["{{$.inputs.parameters['times']}}", "{{$.inputs.artifacts['given'].metadata}}"]
    executors = {
        "exec-import": {"importer": importer},
        "exec-double": shell(_DOUBLE, "{{$.inputs.artifacts['given'].path}}", _OUT),
        "exec-say": shell('echo "times $0, metadata $1"', *says),
    }
    parameters = {"given_uri": {"parameterType": "STRING"}, "times": {"parameterType": "NUMBER_INTEGER"}}
    root = {"inputDefinitions": {"parameters": parameters}}
    return written(spec(tasks, components, executors, root))


def scripts(
    several: Mapping[str, str],
    *,
    after: Mapping[str, str] | None = None,
    retries: int = 0,
    platform: Raw | None = None,
    image: str = IMAGE,
    **container: Any,  # noqa: ANN401 - of every container
) -> bytes:
    """One task for each script of the shell, all at once but for those that come `after` another."""
    tasks, components, executors = {}, {}, {}
    for name, script in several.items():
        before = (after or {}).get(name)
        tasks[name] = task(f"comp-{name}", after=(before,) if before else ())
        if retries:
            tasks[name]["retryPolicy"] = {"maxRetryCount": retries, "backoffDuration": "0s", "backoffFactor": 1.0}
        components[f"comp-{name}"] = {"executorLabel": f"exec-{name}"}
        executors[f"exec-{name}"] = shell(script, image=image, **container)
    documents = [spec(tasks, components, executors)]
    if platform is not None:
        configured = dict.fromkeys(executors, platform)
        documents.append({"platforms": {"kubernetes": {"deploymentSpec": {"executors": configured}}}})
    return written(*documents)


def branches() -> bytes:
    """A loop with a condition inside, whose outputs are collected, and a choice of two branches."""
    say = "comp-say"
    n = {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}}

    def of(task_name: str) -> Raw:
        return {"valueFromParameter": {"producerSubtask": task_name, "outputParameterKey": "n"}}

    def given(parameters: Raw) -> Raw:
        dag = {"tasks": {"say": task(say, parameters=parameters)}, "outputs": {"parameters": {"n": of("say")}}}
        return {"dag": dag, "outputDefinitions": n}

    item = {"parameters": {"item": {"parameterType": "NUMBER_INTEGER"}}}
    taken = {"item": {"componentInputParameter": "item"}}
    constant = {"item": {"runtimeValue": {"constant": 8}}}
    odd = {**task("comp-odd", parameters=taken)}
    odd["triggerPolicy"] = {"condition": "inputs.parameter_values['item'] != 2"}
    selectors = [{"producerSubtask": each, "outputParameterKey": "n"} for each in ("heads", "tails")]
    tasks = {
        "loop": {**task("comp-loop"), "parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2, 3]"}}},
        "heads": {**task("comp-branch"), "triggerPolicy": {"condition": "1 == 2"}},
        "tails": {**task("comp-branch"), "triggerPolicy": {"condition": "1 == 1"}},
    }
    components = {
        say: {"executorLabel": "exec-say", "inputDefinitions": item, "outputDefinitions": n},
        "comp-odd": {**given(taken), "inputDefinitions": item},
        "comp-branch": given(constant),
        "comp-loop": {
            "dag": {"tasks": {"odd": odd}, "outputs": {"parameters": {"n": of("odd")}}},
            "inputDefinitions": item,
            "outputDefinitions": {"parameters": {"n": {"parameterType": "LIST"}}},
        },
    }
    out = "{{$.outputs.parameters['n'].output_file}}"
    script = 'mkdir -p "$(dirname "$1")"; printf %s "${0}0" > "$1"'
    executors = {"exec-say": shell(script, "{{$.inputs.parameters['item']}}", out)}
    outputs = {
        "parameters": {"all": of("loop"), "one": {"valueFromOneof": {"parameterSelectors": selectors}}},
    }
    kinds = {"all": {"parameterType": "LIST"}, "one": {"parameterType": "NUMBER_INTEGER"}}
    root = {"outputDefinitions": {"parameters": kinds}}
    return written(spec(tasks, components, executors, root, outputs))


def _doubling() -> Raw:
    return {
        "executorLabel": "exec-double",
        "inputDefinitions": {"artifacts": {"given": {"artifactType": DATASET}}},
        "outputDefinitions": {"artifacts": {"out": {"artifactType": DATASET}}},
    }


def claims() -> bytes:
    """Makes a claim, says its name, and deletes it, as kfp-kubernetes compiles it."""
    name = {"taskOutputParameter": {"producerTask": "createpvc", "outputParameterKey": "name"}}
    given = {
        "access_modes": ["ReadWriteOnce"],
        "pvc_name_suffix": "-scratch",
        "size": "5Gi",
        "storage_class_name": "standard",
    }
    constants = {key: {"runtimeValue": {"constant": value}} for key, value in given.items()}
    tasks = {
        "createpvc": task("comp-createpvc", parameters=constants),
        "say": task("comp-say", after=("createpvc",), parameters={"name": name}),
        "deletepvc": task("comp-deletepvc", after=("say",), parameters={"pvc_name": name}),
    }
    kinds = {"access_modes": "LIST"}
    made = {key: {"parameterType": kinds.get(key, "STRING"), "isOptional": True} for key in given}
    components = {
        "comp-createpvc": {
            "executorLabel": "exec-createpvc",
            "inputDefinitions": {"parameters": made},
            "outputDefinitions": {"parameters": {"name": {"parameterType": "STRING"}}},
        },
        "comp-say": {
            "executorLabel": "exec-say",
            "inputDefinitions": {"parameters": {"name": {"parameterType": "STRING"}}},
        },
        "comp-deletepvc": {
            "executorLabel": "exec-deletepvc",
            "inputDefinitions": {"parameters": {"pvc_name": {"parameterType": "STRING"}}},
        },
    }
    executors = {
        "exec-createpvc": {"container": {"image": "argostub/createpvc"}},
        "exec-say": shell('echo "$0"', "{{$.inputs.parameters['name']}}"),
        "exec-deletepvc": {"container": {"image": "argostub/deletepvc"}},
    }
    return written(spec(tasks, components, executors))
