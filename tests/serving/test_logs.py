"""Logs are JSON lines, and whatever looks like a credential is masked in them."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from moorage.serving.logs import MASK, mask, set_up

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"

MASKED = {
    "bearer header": (f"Authorization: Bearer {TOKEN}", TOKEN),
    "signed token": (f"token review of {TOKEN} failed", TOKEN),
    "python dictionary": ("{'secretAccessKey': 'AB\"C/+d', 'bucket': 'b'}", 'AB"C/+d'),
    "JSON": ('{"sessionToken":"IQoJb3","prefix":"p"}', "IQoJb3"),
    "JSON in JSON": ('{"body": "{\\"secret_access_key\\": \\"topSecret1\\"}"}', "topSecret1"),
    "environment": ("RCLONE_S3_SECRET_ACCESS_KEY=topSecret1 PATH=/bin", "topSecret1"),
    "ini file": ("secret_key = topSecret1", "topSecret1"),
    "signed URL": ("GET https://s3/b/k?X-Amz-Signature=0123abcd&x=1", "0123abcd"),
    "private key": ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "MHcCAQEE"),
    "private key, cut off": ("-----BEGIN PRIVATE KEY-----\nMHcCAQEE", "MHcCAQEE"),
}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process logs, from set_up on; the test runner's own handlers are put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up(stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("case", MASKED)
def test_credentials_are_masked(case: str) -> None:
    """Wherever they stand."""
    text, secret = MASKED[case]
    assert secret in text
    assert secret not in mask(text)
    assert MASK in mask(text)


@pytest.mark.parametrize("text", ["5 tokens left", "secretRef: claims-keys", "key dataset.0.id is unknown"])
def test_other_words_stay(text: str) -> None:
    """A mask over everything would hide the fault too."""
    assert mask(text) == text


def test_a_line_is_one_json_object(lines: io.StringIO) -> None:
    """Message, level, logger and extras, whatever they hold."""
    logging.getLogger("a.b").info("two\nlines %d", 5, extra={"port": 8443, "odd": {1, 2}, "when": object})
    (line,) = lines.getvalue().splitlines()
    decoded = orjson.loads(line)
    assert decoded["message"] == "two\nlines 5"
    assert (decoded["level"], decoded["logger"], decoded["port"], decoded["odd"]) == ("info", "a.b", 8443, [1, 2])
    assert decoded["time"].endswith("+00:00")


def test_extras_and_tracebacks_are_masked(lines: io.StringIO) -> None:
    """By what they look like, and by what they are called."""
    try:
        int("password=topSecret1")
    except ValueError:
        logging.getLogger("a").exception("failed", extra={"password": "topSecret2", "keys": {"token": "topSecret3"}})
    text = lines.getvalue()
    assert "ValueError" in text
    assert "topSecret" not in text


def test_chatty_libraries_are_quiet(lines: io.StringIO) -> None:
    """They log URLs and, at DEBUG, credentials."""
    logging.getLogger("httpx2").info("GET https://x")
    logging.getLogger("botocore.auth").debug("x")
    assert lines.getvalue() == ""


def test_an_unknown_level_is_refused() -> None:
    """A typo in a setting must not silence the process."""
    with pytest.raises(ValueError, match="LOUD"):
        set_up(level="loud")
