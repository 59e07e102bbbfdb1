"""The operator's process: `python3 -m dataset_operator`."""

import asyncio
import os
import sys

from dataset_operator.app import run
from dataset_operator.settings import OperatorSettings
from moorage.errors import MoorageError
from moorage.serving import logs
from moorage.settings import read


def main() -> int:
    """Run it; 1 where it can't start."""
    # Stores are read with their stewards' keys or with none: never with an identity that the machine lends us.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    try:
        settings = read(OperatorSettings)
        logs.set_up(level=settings.log_level)
        asyncio.run(run(settings))
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
