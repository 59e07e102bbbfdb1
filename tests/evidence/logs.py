"""Logs of evidence to test with: chains of several components and restarts, each sealed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.line import Event, Line, Link, What
from moorage.evidence.signing import SealingKey
from moorage.evidence.trust import TrustedKeys

KEY = SealingKey.make()
TRUSTED = TrustedKeys([KEY.public])
BEGUN = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


def ticking(start: datetime = BEGUN) -> Callable[[], datetime]:
    """A clock on which a quarter of a second passes between two looks."""
    ticks = iter(range(10**9))
    return lambda: start + timedelta(milliseconds=250 * next(ticks))


def granted(number: int) -> Event:
    """A grant."""
    return Event(
        what=What.GRANTED,
        dataset=f"steward/claims-{number % 3}",
        pod=f"fraud/train-{number}",
        uid=f"uid-{number}",
        account="fraud/trainer",
        node="node-1",
        site="eu-1",
        source={"site": "eu-1", "kind": "s3", "bucket": "claims"},
        version="0" * 63 + str(number % 10),
    )


def refused(number: int) -> Event:
    """A refusal."""
    return Event(
        what=What.REFUSED,
        dataset="steward/claims-0",
        pod=f"fraud/train-{number}",
        node="node-2",
        rule="ResidencyViolated",
        reason='dataset steward/claims-0 must stay in EU: use a site there, "please"\n\u00fc\U0001f600',
        status=403,
    )


@dataclass
class Log:
    """Some chains, one after the other, each of which names those before it."""

    random: Random
    lines: list[Line] = field(default_factory=list)
    heads: dict[str, Link] = field(default_factory=dict)

    def chain(self, component: str, events: int, *, seal_every: int = 4) -> Chain:
        """Add a chain with so many events."""
        begun = BEGUN + timedelta(hours=len(self.heads))
        chain = Chain(component, chain_name(begun, self.random.randbytes(6)), ticking(begun))
        before = tuple(link for link in self.heads.values() if link.component == component)[-1:]
        self.lines.append(chain.begin(before))
        for number in range(events):
            self.lines.append(chain.append(granted(number) if self.random.random() < 0.7 else refused(number)))
            if number % seal_every == seal_every - 1:
                self.seal(chain)
        self.seal(chain)
        return chain

    def seal(self, chain: Chain) -> None:
        """Seal what there is of it."""
        assert chain.head is not None
        self.lines.append(chain.append(KEY.seal(chain.head)))
        assert chain.head is not None
        self.heads[chain.name] = chain.head


def written(lines: Sequence[Line]) -> bytes:
    """As a file holds them."""
    return b"".join(line.write() + b"\n" for line in lines)
