"""Two shuffled epochs over Parquet files, with Hugging Face datasets. Usage: with_datasets.py /mnt/datasets/flights."""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"  # before the import: there is nothing to ask a hub for

from datasets import load_dataset

folder = sys.argv[1]
flights = load_dataset("parquet", data_files=f"{folder}/*.parquet", split="train", streaming=True)
flights = flights.select_columns(["flight", "delay"]).shuffle(seed=7, buffer_size=1000)
for epoch in range(2):
    flights.set_epoch(epoch)  # else each epoch has the order of the first
    rows = list(flights)
    minutes = sum(row["delay"] for row in rows)
    print(json.dumps({"rows": len(rows), "minutes": minutes, "first": [row["flight"] for row in rows[:5]]}))
