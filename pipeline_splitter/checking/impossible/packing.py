"""Bin packing: whether work fits into what sites compute at most: exact, by trying, cut short by sums."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pipeline_splitter.checking.findings import TOLERANCE
from pipeline_splitter.checking.impossible.effort import Effort

MOST_SUMS = 64
"""The most sets of sites that are held against the work that fits nowhere else."""
Load = tuple[float, frozenset[str]]
"""CPU-seconds at speed 1, and the sites where they may be spent."""


def fits(loads: Iterable[Load], limits: Mapping[str, float], effort: Effort) -> bool:
    """Decide whether each load can be put at one of its sites so that no site takes more than its limit.

    Args:
        loads: that may be put somewhere.
        limits: CPU-seconds at speed 1 (a site's quota, times its speed); without one a site takes everything.
        effort: one for each load that is put at a site.

    Raises:
        UndecidedError: the effort ran out.
    """
    # Loads that may go where nothing is limited, or are nothing, take nobody's room.
    tight = [(size, sites) for size, sites in loads if size > 0 and sites <= limits.keys()]
    if not tight:
        return True
    return _Packing(tight, limits).is_possible(effort)


@dataclass
class _Packing:
    """Loads, the largest first; sites, the roomiest first.

    Attributes:
        sums: of sets of sites: the set, and for each load the sum of those from there on that fit only into the set.
    """

    loads: list[Load]
    limits: Mapping[str, float]
    sites: list[str] = field(init=False)
    sums: list[tuple[frozenset[str], list[float]]] = field(init=False)
    _alike: dict[str, frozenset[frozenset[str]]] = field(init=False)

    def __post_init__(self) -> None:
        self.loads.sort(key=lambda load: (-load[0], len(load[1]), sorted(load[1])))
        kinds = {sites for _, sites in self.loads}
        self.sites = sorted(frozenset().union(*kinds), key=lambda site: (-self.limits[site], site))
        self.sums = [(sites, self._sums(sites)) for sites in _unions(kinds)]
        self._alike = {site: frozenset(kind for kind in kinds if site in kind) for site in self.sites}

    def _sums(self, sites: frozenset[str]) -> list[float]:
        inside = [size if allowed <= sites else 0.0 for size, allowed in reversed(self.loads)]
        return [*reversed(list(accumulate(inside))), 0.0]

    def is_possible(self, effort: Effort) -> bool:
        """Depth first, without recursion: there may be thousands of loads."""
        left = {site: self.limits[site] * (1 + TOLERANCE) for site in self.sites}
        if self._is_ruled_out(0, left):
            return False
        placed: list[int] = []
        ways = [self._ways(0, placed, left)]
        while ways:
            if len(placed) == len(ways):
                last = placed.pop()
                left[self.sites[last]] += self.loads[len(placed)][0]
            if not ways[-1]:
                ways.pop()
                continue
            effort.spend(1)
            number = ways[-1].pop()
            left[self.sites[number]] -= self.loads[len(placed)][0]
            placed.append(number)
            if len(placed) == len(self.loads):
                return True
            if not self._is_ruled_out(len(placed), left):
                ways.append(self._ways(len(placed), placed, left))
        return False

    def _ways(self, index: int, placed: Sequence[int], left: Mapping[str, float]) -> list[int]:
        """Return the sites to try for a load, the first last; of ways that are alike but for names only one."""
        size, allowed = self.loads[index]
        first = placed[index - 1] if index and self.loads[index - 1] == self.loads[index] else 0
        seen, found = set(), []
        for number in range(first, len(self.sites)):
            site = self.sites[number]
            kind = (self._alike[site], left[site])
            if site in allowed and size <= left[site] and kind not in seen:
                seen.add(kind)
                found.append(number)
        return found[::-1]

    def _is_ruled_out(self, index: int, left: Mapping[str, float]) -> bool:
        return any(sums[index] > sum(left[site] for site in sites) for sites, sums in self.sums)


def _unions(kinds: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Sets of sites outside of which some loads can't go, and unions of them, up to a number."""
    found: dict[frozenset[str], None] = {}
    for kind in sorted(kinds, key=lambda sites: (len(sites), sorted(sites))):
        for other in [frozenset[str](), *found]:
            if len(found) == MOST_SUMS:
                return list(found)
            found.setdefault(kind | other)
    return list(found)
