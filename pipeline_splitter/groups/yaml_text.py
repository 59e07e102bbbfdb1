"""Documents to YAML text: the same bytes for the same values, no anchors, keys sorted."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_DUMPER):  # type: ignore[misc] # which of the two it is depends on how PyYAML was built
    """Writes out each time what stands in several places: people read these files, and aliases hide what holds."""

    def ignore_aliases(self, data: object) -> bool:
        _ = data
        return True


def write_documents(documents: Sequence[Mapping[str, Any]]) -> str:
    """The documents as one YAML text, `---` between them."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, default_flow_style=False, allow_unicode=True)
    return text
