"""`moorage ui`: the runs, datasets and sites of a cluster, in a browser."""

import webbrowser

import click

from moorage.errors import InputError
from moorage.kube import Client
from moorage.model import SYSTEM_NAMESPACE
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import say


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port [default: a free one].")
@click.option("--open/--no-open", "opens", default=True, help="Open a browser.", show_default=True)
@click.option(
    "--system-namespace",
    default=SYSTEM_NAMESPACE,
    show_default=True,
    help="Where Moorage is installed: plans, logs and artifacts are shown if you may read the stores' keys there.",
)
@target_options
@click.pass_context
def ui(context: click.Context, *, port: int, opens: bool, system_namespace: str) -> None:
    """Show runs, datasets and sites in a browser.

    It serves only this machine, and reads the cluster with your own kubeconfig, so you see what kubectl shows you. The
    address that it prints works once. Stop it with Ctrl-C.

    \b
    moorage ui
    moorage ui -n fraud --no-open --port 8900
    """  # noqa: D301 - \b is what click needs
    from moorage.stores.own_keys import own_keys  # noqa: PLC0415 - for this command only
    from moorage_ui.local import Where, run_locally  # noqa: PLC0415 - so are a server's libraries

    def announce(address: str, who: str) -> None:
        say(f"Open {address}")
        say(f"It shows what {who} may see. The address works once; Ctrl-C ends this.")
        if opens:
            webbrowser.open(address)

    async def serve(client: Client, namespace: str) -> None:
        where = Where(namespace, system_namespace, port)
        await run_locally(client, where, own_keys(), announce)

    try:
        target_of(context).ask(serve)
    except OSError as error:
        raise InputError("--port", str(port), f"can't be used: {error}") from None
