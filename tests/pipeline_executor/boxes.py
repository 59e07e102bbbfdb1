"""Containers as local processes: an overlay of this machine's root, the pod's volumes bound into it. Needs root.

What a container writes outside of its volumes is gone with it, as in a container; PATH, environment and working
directory are its image's. There are no other namespaces, and everybody is root.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
_CANT_RUN = b"/usr/bin/env: "


@dataclass(frozen=True)
class Image:
    """What an image brings: programs by PATH, environment, an entry point."""

    path: str = _PATH
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    folder: str = "/"


@dataclass(frozen=True)
class Bind:
    """A folder or file of this machine that a container sees at `target`."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Exit:
    """How a process ended; `cannot_run`: it never began, for lack of the program."""

    code: int
    cannot_run: bool = False


class Box:
    """One container's process."""

    def __init__(self, process: asyncio.subprocess.Process, place: Path, log: Path, env: Mapping[str, str]) -> None:
        self._process = process
        self._place = place
        self.log = log
        self._env = dict(env)

    @classmethod
    async def start(  # noqa: PLR0913 - each is a keyword
        cls,
        *,
        command: Sequence[str],
        env: Mapping[str, str],
        folder: str,
        binds: Sequence[Bind],
        place: Path,
        log: Path,
        termination_log: Path,
    ) -> "Box":
        """Start a process; `place` is an empty folder of its own."""
        place.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - of a temporary folder
        termination_log.touch()  # noqa: ASYNC240
        script = place.with_suffix(".sh")
        script.write_text(_script(place, [*binds, Bind(termination_log, "/dev/termination-log")], folder))
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                "/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", str(script), *command,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, env=dict(env), start_new_session=True,
            )  # fmt: skip
        return cls(process, place, log, env)

    async def wait(self) -> Exit:
        """Wait for its end; whatever it left behind is killed."""
        code = await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        cannot = code in {126, 127} and self.log.read_bytes().startswith(_CANT_RUN)
        return Exit(128 - code if code < 0 else code, cannot)

    def signal(self, number: signal.Signals) -> None:
        """Signal its main process; all of it where it is killed."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if number is signal.SIGKILL else os.kill)(self._process.pid, number)

    async def execute(self, command: Sequence[str]) -> int:
        """Run a program inside, as a hook; gives its exit code."""
        while not self._place.with_suffix(".up").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)
        pid, root = str(self._process.pid), f"{self._place}/root"
        with self.log.with_suffix(".hook").open("ab") as out:
            hook = await asyncio.create_subprocess_exec(
                "/usr/bin/nsenter", "-t", pid, "-m", "--", "/usr/sbin/chroot", root, "/usr/bin/env", *command,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, env=self._env, start_new_session=True,
            )  # fmt: skip
        try:
            return await hook.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(hook.pid, signal.SIGKILL)
            await hook.wait()
            raise


def _script(place: Path, binds: Sequence[Bind], folder: str) -> str:
    root = f"{place}/root"
    lines = [
        "set -eu",
        f"/bin/mount -t tmpfs box {place}",
        f"/bin/mkdir {place}/upper {place}/work {root}",
        f"/bin/mount -t overlay overlay -o lowerdir=/,upperdir={place}/upper,workdir={place}/work {root}",
        f"/bin/mount --rbind /proc {root}/proc",
        f"/bin/mkdir -p {root}/dev {place}/tmp",
        f"/bin/mount -t tmpfs dev {root}/dev",
        f"/bin/chmod 1777 {place}/tmp",
        f"/bin/mount --bind {place}/tmp {root}/tmp",
    ]
    for device in ("null", "zero", "full", "random", "urandom", "tty"):
        lines += [f": > {root}/dev/{device}", f"/bin/mount --bind /dev/{device} {root}/dev/{device}"]
    for bind in sorted(binds, key=lambda each: each.target):
        # /var/run is a link to /run, which would lead out of the box.
        source, target = shlex.quote(str(bind.source)), shlex.quote(f"{root}{os.path.realpath(bind.target)}")
        if bind.source.is_dir():
            lines.append(f"/bin/mkdir -p {target}")
        else:
            lines.append(f'/bin/mkdir -p "$(/usr/bin/dirname {target})"; : >> {target}')
        lines.append(f"/bin/mount --bind {source} {target}")
        if bind.read_only:
            lines.append(f"/bin/mount -o remount,ro,bind {target}")
    lines.append(f": > {place.with_suffix('.up')}")
    lines.append(f'exec /usr/sbin/chroot {root} /usr/bin/env -C {shlex.quote(folder)} "$@"')
    return "\n".join(lines) + "\n"
