"""The dataset as Kedro's catalogue makes it."""

from pathlib import Path

import numpy as np
import pytest
from kedro.io import DataCatalog
from kedro.io.core import DatasetError

from moorage.kedro import SharedMemoryDataset


def test_a_catalogue_names_it(tmp_path: Path) -> None:
    """By its type; saved, loaded, asked for and released."""
    entry = {"type": "moorage.kedro.SharedMemoryDataset", "name": "features", "directory": str(tmp_path)}
    features = DataCatalog.from_config({"features": entry})["features"]
    assert not features.exists()
    features.save(np.arange(10))
    assert features.exists()
    assert features.load().tolist() == list(range(10))
    assert not features.load().flags.writeable
    features.release()
    assert not features.exists()
    assert str(tmp_path) in str(features)


def test_what_goes_wrong_is_a_dataset_error(tmp_path: Path) -> None:
    """With the sentence of the memory."""
    features = SharedMemoryDataset("features", str(tmp_path))
    with pytest.raises(DatasetError, match="there is no object 'features'"):
        features.load()
    with pytest.raises(DatasetError, match="can't be kept"):
        features.save(lambda: None)
    features.save({1, 2})
    with pytest.raises(DatasetError, match="say trust=True"):
        features.load()
    assert SharedMemoryDataset("features", str(tmp_path), trust=True).load() == {1, 2}
