"""Which cluster, which namespace: the options that every command shares, and the client that they open."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from moorage.kube import Client

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

FIELD_MANAGER = "kubectl-dataset"


@dataclass(frozen=True, slots=True)
class Target:
    """What the options say.

    Attributes:
        kubeconfig: the file; None: as kubectl finds it.
        context: None: the current one.
        namespace: None: that of the context.
    """

    kubeconfig: Path | None
    context: str | None
    namespace: str | None

    def ask(self, question: Callable[[Client, str], Coroutine[Any, Any, T]]) -> T:
        """Open a client, and ask it: the question is given the client and the namespace that is meant.

        Raises:
            SettingError: there is no usable kubeconfig.
            KubeError: whatever the question met.
            KeyboardInterrupt: at Ctrl-C, after the question was cancelled.
        """

        async def asked() -> T:
            _cancel_at_interrupt()
            async with Client.from_environment(self.kubeconfig, self.context, FIELD_MANAGER) as client:
                return await question(client, self.namespace or client.namespace)

        try:
            return asyncio.run(asked())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def _cancel_at_interrupt() -> None:
    """Have Ctrl-C cancel this task; a second one interrupts at once.

    `asyncio.run` cancels it too, but in a Python handler that does not run while the loop waits: a signal that comes
    just before the wait would be seen only at its end, which for a watch is never.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        if task is not None:
            task.cancel()

    # Other threads, and Windows, keep what asyncio.run does.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, cancel)


def target_options(function: Function) -> Function:
    """Add --kubeconfig, --context and -n; the command finds them with `target_of`."""
    options = (
        click.option(
            "--kubeconfig",
            type=click.Path(path_type=Path),
            help="The kubeconfig file [default: KUBECONFIG, or ~/.kube/config].",
            expose_value=False,
            callback=_keep,
        ),
        click.option("--context", help="The context in the kubeconfig.", expose_value=False, callback=_keep),
        click.option(
            "-n",
            "--namespace",
            help="The namespace [default: the context's].",
            expose_value=False,
            callback=_keep,
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def target_of(context: click.Context) -> Target:
    """The target that the command's options name."""
    kept = context.meta
    return Target(kept.get("moorage.kubeconfig"), kept.get("moorage.context"), kept.get("moorage.namespace"))


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    context.meta[f"moorage.{parameter.name}"] = value
