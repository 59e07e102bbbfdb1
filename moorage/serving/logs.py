"""Logs are JSON lines on stderr, and no secret is ever in one.

Nobody should log a credential in the first place. For the day that somebody does, all that looks like one is masked
here, in the only place that writes: bearer tokens, signed tokens, private keys, and values under names such as
`password`, `secretAccessKey` or `sessionToken`. Masking runs over the finished line, so that messages, arguments,
extras and tracebacks are all covered.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import IO, Final

import orjson

MASK: Final = "***"

_MASKED_NAMES = (
    r"(?:aws_)?secret_?(?:access_?)?key|(?:aws_)?session_?token|password|passwd|api_?key|private_?key|client_?secret"
    r"|x-amz-security-token|x-amz-signature|token"
)
_PATTERNS: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    re.compile(r"(?<=bearer )[A-Za-z0-9._~+/=-]+", re.IGNORECASE),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    # name=value, "name": "value", 'name': 'value', also where the quotes were escaped once more.
    re.compile(
        rf"(?P<name>(?<![A-Za-z])(?:{_MASKED_NAMES})\\*[\"']?\s*[:=]\s*)"
        r"(?P<quote>\\*[\"'])?(?P<value>(?(quote)(?:(?!(?P=quote)).)+|[^\s,;&\"'}\\]+))",
        re.IGNORECASE,
    ),
)

# Every attribute that logging itself gives a record; the rest is what the caller passed as `extra`.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def mask(text: str) -> str:
    """Replace all that looks like a credential."""
    for pattern in _PATTERNS:
        text = pattern.sub(
            lambda found: found.groupdict().get("name", "") + (found.groupdict().get("quote") or "") + MASK, text
        )
    return text


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the caller's extras, then the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = MASK if _named_secret(name) else _mask_within(value)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = mask(self.formatException(record.exc_info))
        return orjson.dumps(line, default=lambda value: mask(str(value)), option=orjson.OPT_NON_STR_KEYS).decode()


def set_up(*, level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Send all logs of the process to `stream` (stderr) as JSON lines; once, at the start of a process.

    Raises:
        ValueError: there is no such level.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A line per HTTP request tells nothing, and its URL may carry a signature; at DEBUG botocore writes credentials.
    for chatty in (
        "httpx2",
        "httpcore2",
        "httpx",
        "httpcore",
        "aiohttp.access",
        "botocore",
        "boto3",
        "urllib3",
        "s3fs",
        "aiobotocore",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _named_secret(name: str) -> bool:
    return re.fullmatch(_MASKED_NAMES, name, re.IGNORECASE) is not None


def _mask_within(value: object) -> object:
    """Mask the texts inside a structure, and everything under a name that says secret."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {str(key): MASK if _named_secret(str(key)) else _mask_within(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask_within(part) for part in value]
    return value if isinstance(value, int | float | bool | None) else mask(str(value))
