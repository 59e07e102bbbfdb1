"""`moorage runs logs`: what tasks printed, while they run and after."""

import asyncio
from pathlib import Path

import click

from moorage.errors import InputError, NotFoundError
from moorage.kube import STRETCHED_PIPELINES, Client, RawObject
from moorage.model import SYSTEM_NAMESPACE
from moorage.runs.logs import checked_task
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import say, write_printed
from moorage_cli.runs.log_ways import Server, Way, way_to
from moorage_cli.runs.reading_logs import Cursor, chosen, has_ended, has_no_attempt, is_unknown, tasks_in, why_no_log
from moorage_cli.runs.telling import Status, phase_of

_AGAIN_SECONDS = 2.0
_ROUNDS_AFTER_THE_END = 5


@click.command("logs", short_help="Print what tasks printed.")
@click.argument("name", metavar="RUN")
@click.argument("task", required=False)
@click.option("-f", "--follow", "following", is_flag=True, help="Continue until the task has ended.")
@click.option("--attempt", type=click.IntRange(min=1), help="An earlier attempt of the task [default: the last].")
@click.option("--all", "everything", is_flag=True, help="Show all tasks, each line with its task's name.")
@click.option("--server", envvar="MOORAGE_SERVER", help="Ask this server (moorage-kfp-api) instead of the stores.")
@click.option(
    "--server-ca",
    envvar="MOORAGE_SERVER_CA",
    type=click.Path(path_type=Path),
    help="The CAs to trust for that server, a PEM file [default: public CAs].",
)
@click.option("--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Moorage's namespace.")
@target_options
@click.pass_context
def logs(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    *,
    name: str,
    task: str | None,
    following: bool,
    attempt: int | None,
    everything: bool,
    server: str | None,
    server_ca: Path | None,
    system_namespace: str,
) -> int:
    """Print the log of TASK; without TASK, the logs of the failed tasks.

    Logs come from the artifact store of the task's site. It is read with the keys in the cluster's Secret if you may
    read it, otherwise with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. With --server, that server reads them for you,
    if you may `get` stretchedpipelines/log in the namespace. It gets the kubeconfig's token, or MOORAGE_TOKEN.

    \b
    moorage runs logs nightly-3f2a91 train -n fraud --follow
    moorage runs logs nightly-3f2a91 train#2/evaluate --attempt 1 -n fraud
    moorage runs logs nightly-3f2a91 --all -n fraud --server https://kfp.example.org
    """  # noqa: D301 - \b is what click needs
    if task is not None and everything:
        raise InputError("--all", task, "is one task: leave out the one or the other")
    if attempt is not None and task is None:
        raise InputError("--attempt", str(attempt), "is of one task: name it")
    target = target_of(context)

    async def show(client: Client, namespace: str) -> int:
        by = Server(server, server_ca, target.kubeconfig, target.context) if server else None
        async with way_to(client, system_namespace, by) as way:
            return await _show(client, (namespace, name), way, _Wanted(task, attempt, everything, following))

    return target.ask(show)


class _Wanted:
    """What was asked for, and how far it was shown."""

    def __init__(self, task: str | None, attempt: int | None, everything: bool, following: bool) -> None:  # noqa: FBT001
        self.task = task
        self.attempt = attempt
        self.everything = everything
        self.following = following
        self.cursors: dict[str, Cursor] = {}

    def update(self, status: Status) -> None:
        """Take in tasks that are there by now."""
        for task in chosen(status, self.task, everything=self.everything):
            self.cursors.setdefault(task, Cursor(task, self.attempt, prefixed=self.everything))


async def _show(client: Client, run: tuple[str, str], way: Way, wanted: _Wanted) -> int:
    namespace, name = run
    rounds_left = _ROUNDS_AFTER_THE_END
    while True:
        raw = await client.get(STRETCHED_PIPELINES, name, namespace)
        status = raw.get("status") or {}
        if wanted.task is not None and is_unknown(status, checked_task(wanted.task)):
            raise NotFoundError(
                f"run {name} has no task {wanted.task}; it has {', '.join(tasks_in(status))}", status=404
            )
        if not wanted.following and has_no_attempt(status, wanted.task, wanted.attempt):
            return _no_log(name, status, wanted)
        wanted.update(status)
        if not wanted.cursors and not wanted.following:
            return _nothing_chosen(name, status, everything=wanted.everything)
        for cursor in wanted.cursors.values():
            if not cursor.complete:
                await _advance(raw, cursor, way, following=wanted.following)
        shown = [cursor for cursor in wanted.cursors.values() if cursor.seen]
        if not wanted.following:
            return 0 if shown else _no_log(name, status, wanted)
        over = phase_of(status).is_final
        if all(cursor.complete for cursor in wanted.cursors.values()) and (
            over or (wanted.task is not None and (wanted.attempt is not None or has_ended(status, wanted.task)))
        ):
            return 0
        # The end of a run is told a moment before the last log is seen; a log whose site is lost never comes.
        rounds_left -= over
        if rounds_left <= 0:
            return 0 if shown else _no_log(name, status, wanted)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _advance(raw: RawObject, cursor: Cursor, way: Way, *, following: bool) -> None:
    """Print what is new of one task's log."""
    while True:
        piece = await way.read(raw, cursor.task, cursor.attempt, cursor.offset)
        if piece is None:
            return
        if cursor.attempt is None and cursor.seen and piece.attempt != cursor.seen:
            piece = await way.read(raw, cursor.task, cursor.seen, cursor.offset)
            if piece is None:
                return
        write_printed(cursor.take(piece))
        if piece.complete and following and cursor.attempt is None:
            newest = await way.read(raw, cursor.task, None, 0)
            if newest is not None and newest.attempt > piece.attempt:
                say(f"[moorage] attempt {newest.attempt} of task {cursor.task}", err=True)
                cursor.begin()
                continue
            cursor.complete = has_ended(raw.get("status") or {}, cursor.task)
        if piece.complete or not piece.content:
            return


def _nothing_chosen(name: str, status: Status, *, everything: bool) -> int:
    tasks = ", ".join(tasks_in(status))
    if everything or not tasks:
        message = f": {status['message']}" if status.get("message") else "."
        say(f"No task of {name} has begun: it is {phase_of(status).value}{message}", err=True)
        return 1
    raise InputError(
        "moorage runs logs", "TASK", f"is missing, and no task has failed: name one, or --all; it has {tasks}"
    )


def _no_log(name: str, status: Status, wanted: _Wanted) -> int:
    say(why_no_log(name, status, wanted.task, wanted.attempt), err=True)
    return 1
