"""The operator's process: `python3 -m dataset_operator`."""

import os
import sys

from dataset_operator.app import run
from dataset_operator.settings import OperatorSettings
from moorage.serving.process import run_component


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    # Stores are read with their stewards' keys or with none: never with an identity that the machine lends us.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return run_component(OperatorSettings, run)


if __name__ == "__main__":
    sys.exit(main())
