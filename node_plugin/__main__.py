"""`python3 -m node_plugin`: the driver."""

import asyncio
import sys

from moorage.errors import MoorageError
from moorage.serving import logs
from moorage.settings import read
from node_plugin.app import run
from node_plugin.settings import NodePluginSettings


def main() -> int:
    """Run the driver; 2 when the settings can't be used."""
    try:
        settings = read(NodePluginSettings)
        logs.set_up(level=settings.log_level)
        asyncio.run(run(settings))
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
