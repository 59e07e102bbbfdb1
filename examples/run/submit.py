"""What a data scientist runs: Kubeflow's own client, and not a word about clusters.

python submit.py https://localhost:8443      # a token in KF_PIPELINES_TOKEN, whom to trust in KF_PIPELINES_CA
"""

import os
import sys
from pathlib import Path

import kfp

client = kfp.Client(
    host=sys.argv[1],
    existing_token=os.environ["KF_PIPELINES_TOKEN"],
    ssl_ca_cert=os.environ["KF_PIPELINES_CA"],
)
run = client.create_run_from_pipeline_package(
    str(Path(__file__).with_name("pipeline.yaml")), arguments={"threshold": 8.0}, run_name="delay-report"
)
print("submitted", run.run_id)
done = client.wait_for_run_completion(run.run_id, timeout=600, sleep_duration=2)
print(done.state)
sys.exit(0 if done.state == "SUCCEEDED" else 1)
