"""What the pod's spec tells the sidecar; nothing of it is secret.

`moorage.settings` is the standard library only, so that the sidecar may share it.
"""

from dataclasses import dataclass
from pathlib import Path

from moorage.settings import parse_level, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarSettings:
    """Read from MOORAGE_*; admission writes them."""

    volumes: tuple[str, ...] = setting("The names of the pod's dataset volumes.")
    run_dir: Path = setting("Where the sockets are.", default=Path("/run/moorage"))
    cache_dir: Path = setting("Where data from far away are cached.", default=Path("/var/cache/moorage"))
    cache_size_limit_bytes: int = setting(
        "How much all datasets may keep together; below the volume's limit, which rclone checks seldom.",
        default=4 << 30,
        minimum=1,
    )
    rclone: str = setting("The mount server's program.", default="rclone")
    hook_seconds: float = setting(
        "How long the postStart hook waits for datasets to be served; the sidecar keeps trying afterwards.",
        default=30.0,
        minimum=0,
    )
    start_seconds: float = setting(
        "How long a mount server may take to start; until then reads of its mount wait.",
        default=20.0,
        minimum=0.1,
    )
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
