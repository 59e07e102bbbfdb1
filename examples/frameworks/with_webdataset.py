"""Two shuffled epochs over tar shards, with webdataset. Usage: with_webdataset.py /mnt/datasets/digits."""

import json
import sys
from pathlib import Path

import webdataset

folder = Path(sys.argv[1])
shards = sorted(str(shard) for shard in folder.glob("*.tar"))
digits = webdataset.WebDataset(shards, shardshuffle=len(shards), detshuffle=True, seed=7)
# `shuffle(seed=...)` would give each epoch the same order.
digits = digits.compose(webdataset.detshuffle(1000, seed=7))
digits = digits.decode(only=["npy", "cls"]).to_tuple("__key__", "npy", "cls")
for _ in range(2):
    seen = [(key, int(image.sum()), label) for key, image, label in digits]
    ink = sum(total for _, total, _ in seen)
    labels = sum(label for _, _, label in seen)
    print(json.dumps({"rows": len(seen), "ink": ink, "labels": labels, "first": [key for key, _, _ in seen[:5]]}))
