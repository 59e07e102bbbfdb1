"""Places: ISO 3166-1 alpha-2 countries, ISO 3166-2 subdivisions, and the two unions `EU` and `EEA`.

The unions are constants, as of 2026-01-01: 27 members of the European Union; the EEA adds Iceland, Liechtenstein and
Norway. The list of officially assigned country codes is ISO 3166-1's of the same date.
"""

import re
from collections.abc import Iterable

EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())  # noqa: SIM905
EEA = EU | {"IS", "LI", "NO"}
UNIONS = {"EU": EU, "EEA": EEA}
COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a table to be read
)
_SUBDIVISION = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")


def denoted(residency: Iterable[str]) -> frozenset[str]:
    """Return the countries and subdivisions that the words denote, without those that lie in another of them."""
    expanded = {place for word in residency for place in UNIONS.get(word, (word,))}
    return frozenset(place for place in expanded if "-" not in place or place.partition("-")[0] not in expanded)


def lies_in(jurisdiction: str | None, residency: Iterable[str]) -> bool:
    """Return whether a site's jurisdiction lies in one of the places; a site without one lies nowhere."""
    if jurisdiction is None:
        return False
    places = denoted(residency)
    return jurisdiction in places or jurisdiction.partition("-")[0] in places


def intersection(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Return the places that both denote. Equal words stay as they were written."""
    if one == other:
        return one
    left, right = denoted(one), denoted(other)
    return frozenset(
        {place for place in left if lies_in(place, right)} | {place for place in right if lies_in(place, left)}
    )


def unknown_places(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words that name neither an assigned country, nor a subdivision of one, nor a union; sorted."""
    return tuple(sorted(word for word in words if word not in UNIONS and not _is_place(word)))


def _is_place(word: str) -> bool:
    match = _SUBDIVISION.fullmatch(word)
    return (match[1] if match else word) in COUNTRIES
