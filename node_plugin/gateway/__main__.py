"""`python3 -m node_plugin.gateway`: become the server; 2 the settings can't be used."""

import os
import sys
from typing import Final

from moorage.errors import MoorageError
from moorage.settings import read
from node_plugin.gateway.settings import GatewaySettings

_LEVELS: Final = {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "NOTICE"}
"""rclone's, by ours."""


def command(settings: GatewaySettings) -> list[str]:
    """The server's command line."""
    return [
        settings.rclone,
        "serve",
        "s3",
        str(settings.gateway_folder),
        "--config=",
        f"--addr=127.0.0.1:{settings.gateway_port}",
        "--read-only",
        # An etag would be an MD5 of the whole file, at each listing.
        "--etag-hash=",
        "--dir-cache-time=5s",
        "--poll-interval=0",
        # The kernel reads ahead, and who asks for a range wants no more.
        "--buffer-size=0",
        f"--log-level={_LEVELS.get(settings.log_level.upper(), 'ERROR')}",
    ]


def main() -> int:
    """Run."""
    try:
        settings = read(GatewaySettings)
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    line = command(settings)
    os.execvp(line[0], line)  # noqa: S606 - the image's own program
    return 1


if __name__ == "__main__":
    sys.exit(main())
