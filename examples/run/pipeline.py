"""Late flights and the weather: two datasets that may not meet, and a pipeline that reads both.

The flights lie in the EU and may not leave it, but for their monthly totals. The weather lies in the United States. The
pipeline says which data its tasks read, and nothing of sites: Moorage places them, moves what may cross, and runs them.

    python pipeline.py      # writes pipeline.yaml; needs kfp and kfp-kubernetes
"""

from pathlib import Path

from kfp import compiler, dsl, kubernetes
from kfp.dsl import Dataset, Input, Metrics, Output

IMAGE = "docker.io/moorage/demo-reader:0.1.0"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def read_flights(folder: str, delays: Output[Dataset]) -> None:
    """One row a flight: month, origin, minutes late."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    table = ds.dataset(folder, format="parquet").to_table(columns=["month", "origin", "dep_delay"])
    pq.write_table(table, delays.path)
    delays.metadata["flights"] = table.num_rows


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def summarise_weather(folder: str, weather: Output[Dataset]) -> None:
    """One row a month and origin: mean wind, visibility and rain."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    table = ds.dataset(folder, format="parquet").to_table()
    means = [("wind_speed", "mean"), ("visib", "mean"), ("precip", "mean")]
    pq.write_table(table.group_by(["month", "origin"]).aggregate(means), weather.path)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def join(delays: Input[Dataset], weather: Input[Dataset], joined: Output[Dataset]) -> None:
    """Delays beside the weather of the same month and origin."""
    import pyarrow.parquet as pq

    left, right = pq.read_table(delays.path), pq.read_table(weather.path)
    pq.write_table(left.join(right, keys=["month", "origin"]), joined.path)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def find_worst(joined: Input[Dataset], threshold: float, metrics: Output[Metrics]) -> str:
    """The month and origin with the most minutes late, of those with more wind than the threshold."""
    import pyarrow.parquet as pq

    rows = [row for row in pq.read_table(joined.path).to_pylist() if (row["wind_speed_mean"] or 0) > threshold]
    worst = max(rows, key=lambda row: row["late_minutes"] or 0)
    metrics.log_metric("rows", len(rows))
    metrics.log_metric("late_minutes", worst["late_minutes"])
    return f"{worst['month']}/{worst['origin']}"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def report(worst: str, joined: Input[Dataset], page: Output[Dataset]) -> None:
    """A page for the airport."""
    import pyarrow.parquet as pq

    rows = pq.read_metadata(joined.path).num_rows
    with open(page.path, "w") as file:
        file.write(f"Of {rows} months and origins, {worst} was the worst.\n")


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


@dsl.pipeline(name="delay-report")
def delay_report(threshold: float = 8.0) -> str:
    """Flights and weather in, a page out."""
    delays = read_flights(folder="/mnt/datasets/flights")
    weather = summarise_weather(folder="/mnt/datasets/weather")
    read(delays, "flights", "stewards")
    read(weather, "weather", "us-stewards")
    joined = join(delays=delays.outputs["delays"], weather=weather.outputs["weather"])
    take_released(joined, "flights", "stewards", "monthly-totals")
    worst = find_worst(joined=joined.outputs["joined"], threshold=threshold)
    report(worst=worst.outputs["Output"], joined=joined.outputs["joined"])
    return worst.outputs["Output"]


if __name__ == "__main__":
    compiler.Compiler().compile(delay_report, str(Path(__file__).with_name("pipeline.yaml")))
