"""What the pod's spec tells the gateway; nothing of it is secret."""

from dataclasses import dataclass
from pathlib import Path

from moorage.settings import parse_level, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Read from MOORAGE_*; admission writes them."""

    gateway_port: int = setting("Where it listens, on loopback.", minimum=1)
    gateway_folder: Path = setting("Its folders are the buckets.", default=Path("/mnt/datasets"))
    rclone: str = setting("The program that serves.", default="rclone")
    hook_seconds: float = setting("How long the postStart hook waits for an answer.", default=30.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="WARNING", parse=parse_level)
