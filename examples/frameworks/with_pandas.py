"""Minutes of delay in March by carrier, with pandas. Usage: with_pandas.py /mnt/datasets/flights."""

import sys

import pandas as pd

folder = sys.argv[1]
march = pd.read_parquet(folder, columns=["carrier", "delay"], filters=[("month", "==", 3)])
print(march.groupby("carrier")["delay"].sum().to_json())
