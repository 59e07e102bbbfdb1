"""What a container runtime does for a test: a root, folders in it, a user without rights."""

from collections.abc import Mapping
from pathlib import Path

NOBODY = 65534
"""A user with a name, as some programs want it."""


def in_container(root: Path, shown: Mapping[str, Path]) -> list[str]:
    """The beginning of a command that runs in a container, in the working directory `/`.

    Args:
        root: what it has as `/`; its `/mnt` is empty but for what is shown.
        shown: folders by the paths below `/mnt` at which the container sees them. Mounts in them that come later
            are seen, too.
    """
    # In mounts of its own, so that nothing is left on this machine.
    steps = ['mount -t tmpfs none "$root/mnt"']
    for place in shown:
        at = f'"$root{place}"'
        steps += [f"mkdir -p {at}", f'mount --rbind "$1" {at}', f"mount --make-rslave {at}", "shift"]
    if root == Path("/"):
        # Unlike chroot, it executes an interpreter in a home folder that only its owner may look into.
        steps += ["cd /", f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"']
        folder = ""
    else:
        steps += [
            'mount -t tmpfs none "$root/tmp"',
            'mount -t proc none "$root/proc"',
            'mount --rbind /dev "$root/dev"',
        ]
        steps += [f'exec /usr/sbin/chroot --userspec={NOBODY}:{NOBODY} --groups={NOBODY} "$root" "$@"']
        folder = str(root)
    script = f"root={folder}; " + " && ".join(steps)
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", *map(str, shown.values())]
