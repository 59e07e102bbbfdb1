"""`python -m release.chart_values`: writes the table of values in the chart's README from values.yaml.

A value's meaning is the comment above it; a comment above a section is said beside the section's name.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_CHART = Path(__file__).resolve().parents[1] / "charts/moorage"
BEGIN, END = "<!-- values: python -m release.chart_values -->", "<!-- end of values -->"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):(?: (?P<value>.*))?$")


def rows(values: str) -> Iterator[tuple[str, str, str]]:
    """Yield (path, default, meaning) of each value and each commented section, in the file's order.

    The file's first comment is about the file. A default that is written over several lines is not expected.
    """
    path: list[str] = []
    comment: list[str] = []
    for line in values.partition("\n\n")[2].splitlines():
        text = line.strip()
        if text.startswith("#"):
            comment.append(text.lstrip("# "))
        elif found := _KEY.match(line):
            del path[len(found["indent"]) // 2 :]
            path.append(found["key"])
            if found["value"] or comment:
                yield ".".join(path), found["value"] or "", " ".join(comment)
            comment = []
        elif text:
            message = f"values.yaml: write this value in one line, so that the README's table can show it: {text}"
            raise ValueError(message)


def table(values: str) -> str:
    """Return the rows in Markdown."""
    lines = ["| value | default | meaning |", "|---|---|---|"]
    for path, default, meaning in rows(values):
        cells = (f"`{path}`", f"`{default}`" if default else "", meaning)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


def with_table(readme: str, values: str) -> str:
    """Return the README with today's table between its marks."""
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{table(values)}\n\n{END}{after}"


def main() -> None:
    """Write the table of values into the chart's README."""
    readme = _CHART / "README.md"
    readme.write_text(with_table(readme.read_text(), (_CHART / "values.yaml").read_text()))


if __name__ == "__main__":
    main()
