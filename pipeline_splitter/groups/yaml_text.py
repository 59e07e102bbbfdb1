"""Documents to YAML text: the same bytes for the same values, no anchors, keys sorted."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_STRING = "tag:yaml.org,2002:str"
_AMBIGUOUS = re.compile(r"[yYnN]|[-+.]?[0-9][\w:+-]*(\.[\w:+-]*)?")
"""Texts that readers of other YAML versions take for a number or a boolean (Kubeflow's backend: `y`, `1e3`)."""


class _Dumper(_DUMPER):  # type: ignore[misc] # which of the two it is depends on how PyYAML was built
    """A dumper that writes repeated values out each time: people read these files, and aliases hide what holds."""

    def ignore_aliases(self, data: object) -> bool:
        _ = data
        return True

    def represent_text(self, data: str) -> Any:  # noqa: ANN401 - PyYAML's node has no types
        """Return a string, quoted where somebody could take it for something else."""
        return self.represent_scalar(_STRING, data, style="'" if _AMBIGUOUS.fullmatch(data) else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def write_documents(documents: Sequence[Mapping[str, Any]]) -> str:
    """Write the documents as one YAML text, `---` between them."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, default_flow_style=False, allow_unicode=True)
    return text
