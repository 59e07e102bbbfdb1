"""Minutes of delay in March by carrier, with Spark. Usage: with_spark.py /mnt/datasets/flights."""

import json
import sys

from pyspark.sql import SparkSession

folder = sys.argv[1]
spark = SparkSession.builder.master("local[2]").getOrCreate()
march = spark.read.parquet(f"file://{folder}").where("month = 3")
totals = march.groupBy("carrier").agg({"delay": "sum"})
print(json.dumps(dict(map(tuple, totals.collect()))))
