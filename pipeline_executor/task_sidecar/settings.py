"""Settings of the sidecar, from the pod's spec; nothing of them is secret."""

from dataclasses import dataclass
from pathlib import Path

from moorage.settings import parse_level, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarSettings:
    """Read from MOORAGE_*; the spoke writes them."""

    task_api: str = setting("The spoke's task API, as https://moorage-spoke.moorage-system.svc:8443.")
    task_api_ca: str = setting("PEM: the authorities that sign the task API's certificate.")
    token_file: Path = setting(
        "The pod's token for the audience moorage-task.", default=Path("/var/run/secrets/moorage-task/token")
    )
    run_dir: Path = setting(
        "Where it notes how far it is; no other container may write there.", default=Path("/run/moorage")
    )
    mounts: tuple[str, ...] = setting(
        "Folders that the task shares with it.", default=("/s3", "/gcs", "/minio", "/moorage")
    )
    workers: int = setting("How many files cross at once.", default=8, minimum=1, maximum=64)
    patience_seconds: float = setting(
        "How long it tries again what does not work, while nothing goes on.", default=900.0, minimum=1
    )
    ask_seconds: float = setting(
        "How often one that was restarted asks whether its task has ended.", default=10.0, minimum=0.1
    )
    termination_log: Path = setting("Where the kubelet reads why it ended.", default=Path("/dev/termination-log"))
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
