"""Labels that nearly ask for a dataset are told, each with the line to write."""

import pytest

from moorage.wire.near_misses import MOST_TOLD, near_misses

READ = {"dataset.0.id": "claims", "dataset.0.useas": "mount"}


@pytest.mark.parametrize(
    ("labels", "annotations", "told"),
    [
        (READ, {}, []),
        ({"app": "x", "dataset.example.com/x": "y", "dataset.version": "2"}, {"team": "fraud"}, []),
        (
            {"dataset.0.id": "claims"},
            {},
            [
                (
                    "label dataset.0.id names dataset claims, but the pod gets no data from it: "
                    "add the label dataset.0.useas: mount"
                )
            ],
        ),
        ({"dataset.0.id": "claims", "dataset.0.accepts": "totals"}, {}, []),
        ({"dataset.id": "claims"}, {}, ["label dataset.id is not read: write dataset.0.id: claims"]),
        ({"datasets.3.id": "claims"}, {}, ["label datasets.3.id is not read: write dataset.3.id: claims"]),
        ({"Dataset.0.id": "claims"}, {}, ["label Dataset.0.id is not read: write dataset.0.id: claims"]),
        ({"dataset-0-id": "claims"}, {}, ["label dataset-0-id is not read: write dataset.0.id: claims"]),
        ({"datasets.0.useAs": "mount"}, {}, ["label datasets.0.useAs is not read: write dataset.0.useas: mount"]),
        (
            {},
            {"dataset.0.id": "claims"},
            ["annotation dataset.0.id is not read: write it as a label, dataset.0.id: claims"],
        ),
        (READ, {"dataset.0.id": "claims"}, []),
        ({}, {"datasets.id": "c"}, ["annotation datasets.id is not read: write it as a label, dataset.0.id: c"]),
    ],
)
def test_what_is_told(labels: dict[str, str], annotations: dict[str, str], told: list[str]) -> None:
    """One sentence each; nothing about what is right, or somebody else's."""
    assert near_misses(labels, annotations) == told


def test_no_more_than_a_person_reads() -> None:
    """Whatever a pod carries, and whatever is in it."""
    many = {f"datasets.{number}.id": "claims" for number in range(5000)}
    assert len(near_misses(many, many)) == MOST_TOLD
    told = near_misses({}, {"dataset.0.id": "a\x1b[31m\n" + "x" * 100_000})
    assert "\x1b" not in told[0]
    assert len(told[0]) < 200
