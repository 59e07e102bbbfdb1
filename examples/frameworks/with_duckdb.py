"""Minutes of delay in March by carrier, with DuckDB. Usage: with_duckdb.py /mnt/datasets/flights."""

import json
import sys

import duckdb

folder = sys.argv[1]
question = "select carrier, sum(delay)::bigint from read_parquet(?) where month = 3 group by carrier"
print(json.dumps(dict(duckdb.execute(question, [f"{folder}/*.parquet"]).fetchall())))
