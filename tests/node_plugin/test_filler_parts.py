"""The filler's pure parts: keys as paths, what crosses the pipe."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.grants.grant import FillTerms, Grant
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from node_plugin.filler import keys
from node_plugin.filler.exchange import Done, Ended, Ending, Job, Listed, read_job, read_line, write_job, write_line
from node_plugin.filler.manifest import Entry, version_of

ROOT = Path(__file__).parents[2]
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("a", None),
        ("a/b c/ü.parquet", None),
        ("a\\b", None),
        ("x" * 255, None),
        ("", "empty part"),
        ("/a", "empty part"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("a/../b", "empty part, '.' or '..'"),
        (".", "empty part, '.' or '..'"),
        ("x" * 256, "longer"),
        ("a/" * 129 + "b", "deeper"),
        ("a\0b", "NUL"),
        ("a\udcffb", "UTF-8"),
    ],
)
def test_keys_that_can_be_files(key: str, told: str | None) -> None:
    """What can't be one is said in words."""
    problem = keys.problem_of(key)
    assert problem is None if told is None else problem is not None and told in problem


def test_a_key_that_is_file_and_folder() -> None:
    """One of them would hide the other."""
    assert keys.clash_in(["a/b", "a/b/c", "d"]) == "a/b"
    assert keys.clash_in(["a/b", "a/bc", "d"]) is None


@given(st.lists(KEYS, max_size=8))
def test_parents_are_prefixes(parts: list[str]) -> None:
    """Each folder is the one before it and a name."""
    key = "/".join(part.replace("/", "") or "x" for part in parts)
    found = list(keys.parents_of(key))
    assert all(key.startswith(f"{parent}/") for parent in found)
    assert len(found) == key.count("/")


def test_a_version_is_the_semantics() -> None:
    """SHA-256 over `key NUL size NUL etag LF`; computed by sha256sum."""
    entries = [Entry("a", 1, "e1", 0), Entry("b/c", 2, "e2-3", 5)]
    assert version_of(entries) == "4e3964f5cb62eec3f06ffe4cc86754dc913dfc2c63d4bd37ccbb54b05ab945dd"
    assert version_of(entries) != version_of([*entries, Entry("d", 0, "", 0)])


GRANT = Grant(
    location=S3Source("https://s3.example", "b", "p"),
    local=False,
    credentials=Credentials("id", "secret"),
    version="v",
    fill=FillTerms(size_bytes=5, far_seconds=1.25, listed_version="w", asked=True),
)


@pytest.mark.parametrize("reused", [None, 7])
def test_a_job_reads_as_it_was_written(reused: int | None) -> None:
    """Keys, terms and all."""
    job = Job(grant=GRANT, connections=3, most_objects=9, most_bytes=99, reused=reused)
    assert read_job(write_job(job)) == job


@pytest.mark.parametrize("line", [Listed(1, 2), Done(3), Ended(Ending.FULL, "the disk is full")])
def test_a_line_reads_as_it_was_written(line: Listed | Done | Ended) -> None:
    """Each of the three."""
    assert read_line(write_line(line)) == line


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"done": -1}', b'{"ended": "well"}', b"{" * 100, b"x" * 20_000])
def test_lines_that_say_nothing_are_refused(line: bytes) -> None:
    """A filler reads strangers' answers, so it is one."""
    with pytest.raises(InputError):
        read_line(line)


def test_the_filler_needs_the_standard_library_only() -> None:
    """What runs beside strangers' bytes carries little."""
    script = (
        "import sys; import node_plugin.filler.__main__\n"
        "top = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(top - sys.stdlib_module_names - {'moorage', 'node_plugin', '__main__'}))"
    )
    found = subprocess.run([sys.executable, "-S", "-E", "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout == b"[]\n"
