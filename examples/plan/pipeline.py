"""A bank in three jurisdictions prices insurance against late flights.

The flights lie in Germany and may not leave the EU, but for their monthly totals. The weather lies in the United States
and may go to Switzerland besides. Nobody writes where anything runs: `moorage plan` finds out.

    python pipeline.py      # writes pipeline.yaml; needs kfp and kfp-kubernetes
"""

from pathlib import Path

from kfp import compiler, dsl, kubernetes
from kfp.dsl import Dataset, Input, Metrics, Model, Output

IMAGE = "docker.io/moorage/demo-reader:0.1.0"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def count_delays(folder: str, delays: Output[Dataset]) -> None:
    """One row a flight: month, origin, minutes late."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    table = ds.dataset(folder, format="parquet").to_table(columns=["month", "origin", "dep_delay"])
    pq.write_table(table, delays.path)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def summarise_weather(folder: str, weather: Output[Dataset]) -> None:
    """One row a month and origin: mean wind, visibility and rain."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    table = ds.dataset(folder, format="parquet").to_table()
    means = [("wind_speed", "mean"), ("visib", "mean"), ("precip", "mean")]
    pq.write_table(table.group_by(["month", "origin"]).aggregate(means), weather.path)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def join(delays: Input[Dataset], weather: Input[Dataset], training: Output[Dataset]) -> None:
    """Delays beside the weather of the same month and origin."""
    import pyarrow.parquet as pq

    left, right = pq.read_table(delays.path), pq.read_table(weather.path)
    pq.write_table(left.join(right, keys=["month", "origin"]), training.path)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(training: Input[Dataset], weight: float, model: Output[Model]) -> None:
    """A premium for each month and origin."""
    import json

    import pyarrow.parquet as pq

    rows = pq.read_table(training.path).to_pylist()
    premiums = {f"{row['month']}/{row['origin']}": weight * (row.get("late_minutes") or 0.0) for row in rows}
    with open(model.path, "w") as file:
        json.dump(premiums, file)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def choose(model: Input[Model], training: Input[Dataset], metrics: Output[Metrics]) -> str:
    """The dearest month, for the report."""
    import json

    import pyarrow.parquet as pq

    with open(model.path) as file:
        premiums = json.load(file)
    metrics.log_metric("premiums", len(premiums))
    metrics.log_metric("rows", pq.read_metadata(training.path).num_rows)
    return max(premiums, key=premiums.get)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def report(dearest: str, model: Input[Model], page: Output[Dataset]) -> None:
    """A page for the board."""
    import json

    with open(model.path) as file:
        premium = json.load(file)[dearest]
    with open(page.path, "w") as file:
        file.write(f"Cover is dearest in {dearest}: {premium:.2f}.\n")


def read(task: dsl.PipelineTask, dataset: str, namespace: str) -> dsl.PipelineTask:
    """Label the task's pod: it gets the dataset as files below /mnt/datasets."""
    kubernetes.add_pod_label(task, "dataset.0.id", dataset)
    kubernetes.add_pod_label(task, "dataset.0.namespace", namespace)
    return kubernetes.add_pod_label(task, "dataset.0.useas", "mount")


def take_released(task: dsl.PipelineTask, dataset: str, namespace: str, release: str) -> dsl.PipelineTask:
    """Label the task's pod: it can do with what the dataset's steward releases."""
    kubernetes.add_pod_label(task, "dataset.0.id", dataset)
    kubernetes.add_pod_label(task, "dataset.0.namespace", namespace)
    return kubernetes.add_pod_label(task, "dataset.0.accepts", release)


@dsl.pipeline(name="delay-cover")
def delay_cover(weight: float = 0.01) -> None:
    """Flights and weather in, premiums and a report out."""
    delays = count_delays(folder="/mnt/datasets/flights")
    weather = summarise_weather(folder="/mnt/datasets/weather")
    read(delays, "flights", "stewards")
    read(weather, "weather", "us-stewards")
    joined = join(delays=delays.outputs["delays"], weather=weather.outputs["weather"])
    take_released(joined, "flights", "stewards", "monthly-totals")
    trained = train(training=joined.outputs["training"], weight=weight).set_cpu_request("8").set_memory_request("16G")
    chosen = choose(model=trained.outputs["model"], training=joined.outputs["training"])
    report(dearest=chosen.outputs["Output"], model=trained.outputs["model"])


if __name__ == "__main__":
    compiler.Compiler().compile(delay_cover, str(Path(__file__).with_name("pipeline.yaml")))
