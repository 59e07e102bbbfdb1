"""The sources of the compiled pipelines in `pipelines`, small ones with what is hard to read.

    python sources.py      # writes them anew; needs kfp and kfp-kubernetes

`first_schema.json` is written by hand, as the first SDK of version 2 compiled: a job around a specification of schema
2.0.0.
"""

from pathlib import Path

from kfp import compiler, dsl, kubernetes
from kfp.dsl import Dataset, Input, Output


@dsl.component(install_kfp_package=False)
def make(text: str, out: Output[Dataset]) -> None:
    """One artifact."""
    Path(out.path).write_text(text)


@dsl.component(install_kfp_package=False)
def read(data: Input[Dataset]) -> str:
    """One parameter of one artifact."""
    return Path(data.path).read_text()


@dsl.component(install_kfp_package=False)
def read_all(data: Input[list[Dataset]]) -> str:
    """One parameter of many artifacts."""
    return "".join(Path(each.path).read_text() for each in data)


@dsl.component(install_kfp_package=False)
def say(text: str = "a") -> str:
    """One parameter of another."""
    return text


@dsl.component(install_kfp_package=False)
def end(status: dsl.PipelineTaskFinalStatus) -> None:
    """What an exit handler runs."""


@dsl.pipeline(name="loops")
def loops(text: str = "a") -> None:
    """A loop in a loop, whose artifacts are collected; another that waits for it."""
    with dsl.ParallelFor(["x", "y"]) as item:
        made = make(text=item)
        with dsl.ParallelFor(["1", "2", "3"]) as number:
            say(text=number)
    collected = read_all(data=dsl.Collected(made.outputs["out"]))
    with dsl.ParallelFor(["z"]) as last:
        say(text=last).after(collected)
    make(text=text)


@dsl.pipeline(name="inner")
def inner(data: Input[Dataset], text: str) -> str:
    """A pipeline inside of another, whose reader is labelled."""
    reader = read(data=data)
    kubernetes.add_pod_label(reader, "team", "fraud")
    reader.set_cpu_request("500m").set_memory_request("256Mi")
    return say(text=f"{reader.output} {text}").output


@dsl.pipeline(name="branches")
def branches(uri: str = "s3://lake/claims") -> None:
    """An importer, a nested pipeline, branches of which one is taken, and an exit handler."""
    imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset)
    nested = inner(data=imported.output, text="t")
    with dsl.If(nested.output == "1"):
        one = say(text="1")
    with dsl.Else():
        other = say(text="2")
    chosen = dsl.OneOf(one.output, other.output)
    with dsl.ExitHandler(end()):
        made = make(text=chosen)
        read(data=made.outputs["out"])


@dsl.pipeline(name="chain")
def chain(text: str = "a") -> None:
    """What may be split anywhere: each step reads what the one before made."""
    made = make(text=text)
    middle = make(text=read(data=made.outputs["out"]).output)
    read(data=middle.outputs["out"]).after(made)


if __name__ == "__main__":
    for pipeline in (loops, branches, chain):
        compiler.Compiler().compile(pipeline, str(Path(__file__).with_name("pipelines") / f"{pipeline.name}.yaml"))
