"""Kernel limits that several kubelets on one machine exceed: raised while any cluster lives, then put back."""

import json
from pathlib import Path

from devcluster.layout import state_root

# Kubelet and containerd each hold a handful of inotify instances; the usual 128 per user end with the second cluster.
WANTED = {"fs/inotify/max_user_instances": 4096, "fs/inotify/max_user_watches": 524288}
_SYSTEM = Path("/proc/sys")


def raise_limits(system: Path = _SYSTEM) -> None:
    """Raise what is too low, after writing down what it was; does nothing where the kernel does not let us."""
    saved = _saved()
    before = json.loads(saved.read_text()) if saved.exists() else {}
    low = {name: value for name, wanted in WANTED.items() if (value := int((system / name).read_text())) < wanted}
    if low:
        saved.parent.mkdir(parents=True, exist_ok=True)
        saved.write_text(json.dumps({**low, **before}))
    for name in low:
        try:
            (system / name).write_text(str(WANTED[name]))
        except OSError:
            continue


def restore_limits(system: Path = _SYSTEM) -> None:
    """Put back what was raised; only for when no cluster is left."""
    saved = _saved()
    if not saved.exists():
        return
    for name, value in json.loads(saved.read_text()).items():
        # The value may have been set again since: then it stays.
        if int((system / name).read_text()) == WANTED.get(name):
            (system / name).write_text(str(value))
    saved.unlink()


def _saved() -> Path:
    return state_root() / ".limits.json"
