"""How results look, and how commands end."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime

import click
import pytest
import yaml

from moorage.errors import ForbiddenError, InputError, KubeError, MoorageError, NotFoundError, UnreachableError
from moorage_cli import output
from moorage_cli.kubectl_dataset import kubectl_dataset
from moorage_cli.main import moorage
from moorage_cli.running import run

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_piped_tables_are_plain_columns_in_full_length(capsys: pytest.CaptureFixture[str]) -> None:
    """No colour, no borders, nothing cut: for awk and grep."""
    output.table(["NAME", "WHERE"], [["a", "x" * 300], ["longer", "y"]])
    assert capsys.readouterr().out == f"NAME    WHERE\na       {'x' * 300}\nlonger  y\n"


HOSTILE = {
    "a colour": ("\x1b[31mred", r"\x1b[31mred"),
    "a colour in one character": ("\x9b31mred", r"\x9b31mred"),
    "a clipboard": ("\x1b]52;c;ZXZpbA==\x07", r"\x1b]52;c;ZXZpbA==\x07"),
    "a line of its own": ("a\nb\rc\u2028d", r"a\x0ab\x0dc\u2028d"),
    "another direction": ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
    "half a character": ("a\ud800", r"a\ud800"),
    "rich's markup": ("[bold red]a[/]", "[bold red]a[/]"),
    "letters of all kinds": ("Größe 数据 👩\u200d🔬", "Größe 数据 👩\u200d🔬"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("terminal", [False, True])
def test_a_terminal_obeys_nothing_that_is_printed(
    text: str,
    shown: str,
    terminal: bool,  # noqa: FBT001 - a parameter of the test
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A column's name, a message, a heading: whichever way it is printed."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((10_000, 50)))
    output.table(["COLUMN", "MESSAGE"], [[text, text]])
    output.title(f"\n{text}")
    output.sentence(text)
    output.pairs([(text, text)])
    told = capsys.readouterr().out
    assert told.count(shown) == 6
    assert not set(told) & {"\r", "\x07", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"}
    assert "\x1b[31m" not in told
    assert "\x1b]" not in told


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_documents_are_read_back_and_obeyed_by_nobody(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the form itself would print as it is stands escaped, and means the same."""
    body = {"name": "a\x1b[31m\x7f\x9b\u202e\u2028b"}
    output.document(body, form)
    told = capsys.readouterr().out
    assert not set(told) & set("\x1b\x7f\x9b\u202e\u2028")
    assert yaml.safe_load(told) == body


def test_errors_are_obeyed_by_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """They repeat what the cluster says; their own lines stay lines."""

    @click.command()
    def failing() -> None:
        raise UnreachableError("\x1b[2Jgone")

    run(failing, "failing", [])
    assert capsys.readouterr().err.startswith("Error: \\x1b[2Jgone\nIs the cluster up")


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (None, "-"),
        ("2026-11-20T11:59:55Z", "5s"),
        ("2026-11-20T11:57:00Z", "3m"),
        ("2026-11-20T05:00:00Z", "7h"),
        ("2026-11-08T12:00:00Z", "12d"),
        ("2026-11-20T12:00:05Z", "0s"),
        ("2026-11-20T11:59:55.123456Z", "4s"),
    ],
)
def test_ages(timestamp: str | None, expected: str) -> None:
    """As kubectl shows them; a clock that is ahead makes no negative age."""
    assert output.age(timestamp, NOW) == expected


@pytest.mark.parametrize(
    ("error", "code", "remedy"),
    [
        (InputError("Dataset a/b", "spec", "is wrong"), 2, "Dataset a/b: spec: is wrong"),
        (KubeError("invalid", status=422), 2, "invalid"),
        (NotFoundError("nothing there", status=404), 1, "nothing there"),
        (NotFoundError("list datasets: 404 page not found", status=404), 1, "Moorage is not installed there"),
        (ForbiddenError("no right", status=403), 1, "Ask for the right"),
        (ForbiddenError("admission webhook denied the request: PurposeMissing", status=403), 1, "PurposeMissing\n"),
        (ForbiddenError("the policy denied request: no", status=403), 1, "no\n"),
        (ForbiddenError('pods "x" is forbidden: violates PodSecurity "restricted": no', status=403), 1, "no\n"),
        (UnreachableError("silence"), 4, "Is the cluster up"),
        (MoorageError("other"), 1, "other"),
    ],
)
def test_errors_become_exit_codes(
    error: MoorageError, code: int, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message on stderr with what to do, and no traceback."""

    @click.command()
    def failing() -> None:
        raise error

    assert run(failing, "failing", []) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Error: ")
    assert remedy in told.err
    assert ("Ask for the right" in told.err) == (remedy == "Ask for the right")


def test_the_result_of_a_command_is_its_exit_code() -> None:
    """A refusal that was told in full is no error, but it is no 0 either."""

    @click.command()
    def refusing() -> int:
        return 1

    assert run(refusing, "refusing", []) == 1


def test_bad_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """With a hint where help is."""
    assert run(moorage, "moorage", ["dataset", "list", "--colour"]) == 2
    assert "No such option" in capsys.readouterr().err


@pytest.mark.parametrize("sites", ["eu-1=a", "eu-1=1,eu-1=2"])
def test_sites_that_can_not_be_read_are_bad_usage(sites: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is looked at or started."""
    assert run(moorage, "moorage", ["dev", "up", "--name", "never-started", "--sites", sites]) == 2
    assert f"--sites: {sites}: name each site once" in capsys.readouterr().err


def test_a_command_that_is_not_there_gets_those_near_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Also those that are imported only when they are used."""
    assert run(kubectl_dataset, "kubectl dataset", ["descibe"]) == 2
    assert "No such command 'descibe'; near it: describe." in capsys.readouterr().err
    assert run(kubectl_dataset, "kubectl dataset", ["frob"]) == 2
    assert "No such command 'frob'." in capsys.readouterr().err


def test_the_plugin_has_a_version(capsys: pytest.CaptureFixture[str]) -> None:
    """As `moorage --version`: it is what a report of a bug needs."""
    assert run(kubectl_dataset, "kubectl dataset", ["--version"]) == 0
    assert capsys.readouterr().out.startswith("moorage ")


@pytest.mark.parametrize(
    "words", [["--help"], ["dataset", "--help"], ["why", "--help"], ["dataset", "create", "--help"]]
)
def test_help_shows_examples(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that a person types first."""
    assert run(moorage, "moorage", words) == 0
    assert "dataset" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each calls us back by the variable that we listen to."""
    assert run(moorage, "moorage", ["completion", shell]) == 0
    assert f"_MOORAGE_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_a_word_is_completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As the bash script asks for it."""
    monkeypatch.setenv("_MOORAGE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "moorage dataset des")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit, match="0"):
        run(moorage, "moorage", [])
    assert capsys.readouterr().out == "plain,describe\n"


def on_a_terminal(script: str, columns: int) -> str:
    """What the script prints on a terminal of that width."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    subprocess.run([sys.executable, "-c", script], stdout=theirs, check=True, env=environment, timeout=60)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # how a pseudo-terminal says that it ends
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    return shown.decode()


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_a_sentence_in_a_table_is_never_cut(columns: int) -> None:
    """However little room the columns before it leave: all its words are there, in order, and none in pieces."""
    reason = "its biggest input, stewards/flights (42 MB), is here: us-1 would add 3.78 EUR"
    row = ["train/evaluate-the-model", "eu-central-1", "eu-central-1-12", "1 h 9 min", "2 h 28 min", "105 MB", reason]
    header = ["TASK", "SITE", "GROUP", "START", "END", "BYTES IN", "WHERE"]
    shown = on_a_terminal(f"from moorage_cli.output import table\ntable({header!r}, [{row!r}])\n", columns)
    words = re.sub(r"\x1b\[[0-9;]*m", "", shown).split()
    places = [index for index, word in enumerate(words) if word == "its"]
    told = [word for word in words[places[0] :] if word in reason.split()]
    assert " ".join(told) == reason
    assert "train/evaluate-the-model" in words


def test_on_a_terminal_tables_have_colour_and_names_stay_whole() -> None:
    """A narrow window folds no name; long places and messages are folded."""
    script = (
        "from moorage_cli.output import table\n"
        "table(['NAME', 'READY'], [['a-rather-long-name-of-a-dataset', 'True']])\n"
        "table(['SITE', 'WHERE'], [['eu-1', 'https://' + 'x' * 100]])\n"
    )
    names, _, places = on_a_terminal(script, 30).partition("WHERE")
    assert "\x1b[" in names
    assert "a-rather-long-name-of-a-dataset" in names
    assert "x" * 100 not in places


def test_what_a_program_printed_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines stay, its colours go, and what a terminal would obey is shown."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.write_printed(b"\x1b[1;31mred\x1b[0m\t1 %\r100 %\r\nnext\n\x1b]52;c;ZXZpbA==\x07\xff")
    assert capsys.readouterr().out == "red\t1 %\n100 %\nnext\n\\x1b]52;c;ZXZpbA==\\x07\ufffd"


def test_what_a_program_printed_in_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Byte by byte."""
    output.write_printed(b"\x1b[1;31mred\x1b[0m\r\n\xff")
    assert capfdbinary.readouterr().out == b"\x1b[1;31mred\x1b[0m\r\n\xff"
