"""`python3 -m node_plugin`: the driver."""

import sys

from moorage.serving.process import run_component
from node_plugin.app import run
from node_plugin.settings import NodePluginSettings


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(NodePluginSettings, run)


if __name__ == "__main__":
    sys.exit(main())
