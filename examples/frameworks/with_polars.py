"""Minutes of delay in March by carrier, with polars. Usage: with_polars.py /mnt/datasets/flights."""

import json
import sys

import polars as pl

folder = sys.argv[1]
flights = pl.scan_parquet(f"{folder}/*.parquet")
march = flights.filter(pl.col("month") == 3).group_by("carrier").agg(pl.col("delay").sum())
print(json.dumps(dict(march.collect().iter_rows())))
