"""The hub's process: `python3 -m pipeline_executor.hub`."""

import os
import sys

from moorage.serving.process import run_component
from pipeline_executor.hub.app import run
from pipeline_executor.hub.settings import HubSettings


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    # SiteStores are read with the keys that Secrets hold: never with an identity that the machine lends us.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return run_component(HubSettings, run)


if __name__ == "__main__":
    sys.exit(main())
