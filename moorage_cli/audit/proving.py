"""`audit verify`: is anything changed or missing? `audit head`, `audit keys`: what to hold, to see that later."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from moorage.errors import InputError
from moorage.evidence.findings import Report
from moorage.evidence.heads import Head, read_head, sealed_head
from moorage.evidence.line import read_line
from moorage.evidence.trust import PublicKey, TrustedKeys, read_public_keys
from moorage.evidence.verifying import Held, Verifier
from moorage.kube import Client
from moorage.model import SYSTEM_NAMESPACE
from moorage_cli.audit.asking import Whence, moment, read_whence, whence_options
from moorage_cli.audit.sources import Lines, Published, opened, published, questioned
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import MISSING, document, output_option, say, table
from moorage_cli.running import EXIT_CODES, REFUSED

HEADER: Final = ("CHAIN", "LINES", "FROM", "TO", "SEALED", "BEGUN", "LATEST", "ENDED")
_MOST_TOLD: Final = 100
_EXIT_CODES: Final = (
    "Exit codes: 0 no findings; 1 findings, no lines, or no signature was checked; 2 usage or "
    "unusable input; 4 the cluster does not answer."
)


@click.command("verify", short_help="Prove that no line was changed, removed or moved.", epilog=_EXIT_CODES)
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of signed heads that you kept, as `audit head` printed them. Repeatable.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of public keys that you trust, as `audit keys` printed them [default: the cluster's].",
)
@click.option("--since", help="Chains that began earlier may be missing: a time, or how long ago (30m, 24h, 7d).")
@output_option("table", "json")
@whence_options
@target_options
@click.pass_context
def verify_lines(
    context: click.Context,
    /,
    *,
    heads: tuple[Path, ...],
    keys: tuple[Path, ...],
    since: str | None,
    output: str,
    **options: Any,  # noqa: ANN401 - what `whence_options` adds
) -> int:
    """Prove that no line of the evidence was altered, removed, reordered or duplicated, and that no chain was cut off.

    By default, the cluster says where the lines are, which keys seal them, and how far each chain goes. With heads and
    keys that you keep yourself, you don't have to trust the cluster. Each finding is printed with its line, and the
    exit code is 1. It is also 1 without a key to check signatures: whoever can write to the store can rewrite a chain
    of hashes.

    \b
    kubectl dataset audit verify
    kubectl dataset audit verify --head held.jsonl --key keys.pem
    kubectl dataset audit verify --store s3://evidence/cluster-1 --endpoint https://s3.example.com --key keys.pem
    """  # noqa: D301 - \b is what click needs
    begin = moment(since, datetime.now(tz=UTC))
    oldest = "" if begin is None else f"{begin:%Y%m%dT%H%M%SZ}"
    whence = read_whence(options)
    held = [held for path in heads for held in _held(path)]
    trusted = [key for path in keys for key in _keys(path)]

    async def prove(client: Client | None) -> tuple[Report, bool]:
        told = await _told(client, whence)
        known = TrustedKeys(trusted or told.keys)
        verifier = Verifier()
        async with opened(client, whence, told) as lines:
            async for entry in lines.entries():
                verifier.add(entry)
        return verifier.report([*held, *told.heads], known.signed if known else None, oldest), bool(known)

    report, signed = questioned(target_of(context), whence, prove)
    if output == "json":
        findings, chains = [*map(asdict, report.findings)], [*map(asdict, report.chains)]
        document({"findings": findings, "chains": chains, "signaturesChecked": signed}, output)
    else:
        _tell(report, signed=signed)
    return REFUSED if report.findings or not report.chains or not signed else 0


@click.command("head", short_help="Print signed heads, to hold.", epilog=EXIT_CODES)
@whence_options
@target_options
@click.pass_context
def head(context: click.Context, /, **options: Any) -> int:  # noqa: ANN401 - what `whence_options` adds
    """Print a signed head for each chain, which says how far it goes. Keep heads where nobody can change them.

    With a head, you can later prove that no line up to it was changed or removed, in this chain and in those that it
    refers to.

    \b
    kubectl dataset audit head >> held.jsonl
    kubectl dataset audit verify --head held.jsonl
    """  # noqa: D301 - \b is what click needs
    whence = read_whence(options)

    async def gather(client: Client | None) -> list[Head]:
        if client is not None:
            return [each.head for each in (await published(client, whence.system_namespace)).heads]
        async with opened(None, whence, None) as lines:
            return await _sealed(lines)

    found = questioned(target_of(context), whence, gather)
    for each in found:
        say(each.write().decode())
    if not found:
        say("There is no signed head yet.", err=True)
    return 0 if found else REFUSED


@click.command("keys", short_help="Print the public keys that seal evidence, to hold.", epilog=EXIT_CODES)
@click.option("--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Moorage's namespace.")
@target_options
@click.pass_context
def keys(context: click.Context, *, system_namespace: str) -> int:
    """Print the public keys that seal evidence, as PEM.

    \b
    kubectl dataset audit keys > keys.pem
    """  # noqa: D301 - \b is what click needs
    told = target_of(context).ask(lambda client, _: published(client, system_namespace))
    for key in told.keys:
        say(key.write().rstrip("\n"))
    if not told.keys:
        say("There is no key yet.", err=True)
    return 0 if told.keys else REFUSED


async def _told(client: Client | None, whence: Whence) -> Published:
    return Published() if client is None else await published(client, whence.system_namespace)


async def _sealed(lines: Lines) -> list[Head]:
    """The last seal of each chain."""
    found: dict[tuple[str, str], Head] = {}
    async for entry in lines.entries():
        try:
            line = read_line(entry.raw)
        except InputError:
            continue
        if (each := sealed_head(line)) is not None:
            found[line.component, line.chain] = each
    return [found[key] for key in sorted(found)]


def _tell(report: Report, *, signed: bool) -> None:
    for finding in report.findings[:_MOST_TOLD]:
        of = f" of {finding.chain}" if finding.chain else ""
        say(f"{finding.problem}: {finding.place}{of}: {finding.message}")
    if len(report.findings) > _MOST_TOLD:
        say(f"and {len(report.findings) - _MOST_TOLD:,} more: see -o json")
    if report.findings:
        say()
    if not report.chains:
        say("There is no line of evidence.", err=True)
        return
    rows = [
        [
            chain.name,
            str(chain.lines),
            str(chain.first),
            str(chain.last),
            MISSING if chain.sealed_to is None else str(chain.sealed_to),
            chain.begun,
            chain.latest,
            "yes" if chain.ended else "no",
        ]
        for chain in report.chains
    ]
    table(HEADER, rows)
    say()
    lines = sum(chain.lines for chain in report.chains)
    if not signed:
        say("No signature was checked, so nothing is proven: give the keys that you trust with --key.", err=True)
    if report.findings:
        findings = f"{len(report.findings):,} finding{'' if len(report.findings) == 1 else 's'}"
        say(f"{findings} in {lines:,} lines.")
    elif not signed:
        say(f"{lines:,} lines of {len(report.chains):,} chains: their hashes fit.")
    else:
        say(f"{lines:,} lines of {len(report.chains):,} chains: nothing was changed, removed or moved.")


def _held(path: Path) -> list[Held]:
    lines = _text("--head", path).splitlines()
    found = [Held(f"{path}:{number}", read_head(line.encode())) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise InputError("--head", str(path), "holds no head: give what `kubectl dataset audit head` printed")
    return found


def _keys(path: Path) -> list[PublicKey]:
    try:
        return read_public_keys(_text("--key", path))
    except InputError as error:
        problem = f"{error.problem}; give what `kubectl dataset audit keys` printed"
        raise InputError("--key", str(path), problem) from None


def _text(option: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(option, str(path), f"can't be read: {error}") from None
