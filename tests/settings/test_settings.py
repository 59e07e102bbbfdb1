"""Settings are read from the environment, or refused with the name, the value and the remedy."""

import enum
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorage.errors import SettingError
from moorage.settings import Description, describe, read, setting


class Mode(enum.StrEnum):
    """A choice."""

    FILES = "files"
    MANAGED = "managed"


def _endpoint(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator:
        message = "there is no port"
        raise ValueError(message)
    return host, int(port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One field of each kind."""

    audience: str = setting("Who tokens are for.")
    listen_port: int = setting("The HTTPS port.", default=8443, minimum=1, maximum=65535)
    drain_seconds: float = setting("The wait.", default=10.0, minimum=0)
    verbose: bool = setting("Say more.", default=False)
    ca_file: Path | None = setting("Trusted certificates.", default=None)
    sites: tuple[str, ...] = setting("Which sites.", default=("eu-1", "us-1"))
    mode: Mode = setting("Where certificates come from.", default=Mode.MANAGED)
    password: str | None = setting("A password.", default=None, secret=True)
    pin: int | None = setting("A number nobody may see.", default=None, secret=True)
    peer: tuple[str, int] | None = setting("Another server.", default=None, variable="PEER", parse=_endpoint)


def test_defaults_fill_what_is_not_set() -> None:
    """Only what has no default must be given, and an empty variable counts as unset."""
    settings = read(Example, {"MOORAGE_AUDIENCE": "broker", "MOORAGE_LISTEN_PORT": ""})
    assert settings == Example(audience="broker")
    assert settings.listen_port == 8443


def test_every_type_is_read() -> None:
    """The field's type says how its variable is read."""
    environment = {
        "MOORAGE_AUDIENCE": " broker ",
        "MOORAGE_LISTEN_PORT": "9443",
        "MOORAGE_DRAIN_SECONDS": "2.5",
        "MOORAGE_VERBOSE": "Yes",
        "MOORAGE_CA_FILE": "/etc/ca.crt",
        "MOORAGE_SITES": "eu-1, eu-2,",
        "MOORAGE_MODE": "files",
        "MOORAGE_PASSWORD": "hush",
        "PEER": "host:1",
    }
    assert read(Example, environment) == Example(
        audience="broker",
        listen_port=9443,
        drain_seconds=2.5,
        verbose=True,
        ca_file=Path("/etc/ca.crt"),
        sites=("eu-1", "eu-2"),
        mode=Mode.FILES,
        password="hush",
        peer=("host", 1),
    )


REFUSED = {
    "missing": ({}, "MOORAGE_AUDIENCE", "is not set"),
    "not a number": ({"MOORAGE_LISTEN_PORT": "many"}, "MOORAGE_LISTEN_PORT", "'many' can't be read; set it to a whole"),
    "too small": ({"MOORAGE_LISTEN_PORT": "0"}, "MOORAGE_LISTEN_PORT", "'0' is too small; the minimum is 1"),
    "too large": ({"MOORAGE_LISTEN_PORT": "70000"}, "MOORAGE_LISTEN_PORT", "the maximum is 65535"),
    "nan": ({"MOORAGE_DRAIN_SECONDS": "nan"}, "MOORAGE_DRAIN_SECONDS", "too small"),
    "not a word": ({"MOORAGE_VERBOSE": "perhaps"}, "MOORAGE_VERBOSE", "set it to true or false"),
    "not a choice": ({"MOORAGE_MODE": "magic"}, "MOORAGE_MODE", "one of files, managed"),
    "own parser": ({"PEER": "host"}, "PEER", "'host' can't be read: there is no port"),
    "set by Kubernetes": ({"MOORAGE_LISTEN_PORT": "tcp://10.96.0.7:8443"}, "MOORAGE_LISTEN_PORT", "enableServiceLinks"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_variable_value_and_remedy(case: str) -> None:
    """Whoever reads the message knows what to change."""
    environment, variable, words = REFUSED[case]
    base = {} if case == "missing" else {"MOORAGE_AUDIENCE": "broker"}
    with pytest.raises(SettingError) as caught:
        read(Example, base | environment)
    assert caught.value.field == variable
    assert words in str(caught.value)


def test_secrets_are_never_shown() -> None:
    """Neither in the error about a secret nor in the settings' representation."""
    with pytest.raises(SettingError) as caught:
        read(Example, {"MOORAGE_AUDIENCE": "broker", "MOORAGE_PIN": "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "s3cret" not in repr(Example(audience="broker", password="s3cret"))


def test_settings_describe_themselves() -> None:
    """Documentation and charts are held against this list."""
    described = {entry.variable: entry for entry in describe(Example)}
    assert described["MOORAGE_AUDIENCE"] == Description("MOORAGE_AUDIENCE", "Who tokens are for.", None)
    assert described["MOORAGE_SITES"].default == "eu-1,us-1"
    assert described["MOORAGE_VERBOSE"].default == "false"
    assert described["PEER"].default == ""
