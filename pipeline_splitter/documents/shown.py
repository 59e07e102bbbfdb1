"""Values in messages: recognisable, never longer than a line."""

_LONGEST = 100


def shown(value: object) -> str:
    """Format a value as Python does, with the middle of a long one left out."""
    return shortened(repr(value))


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return the text, its middle left out where it is long."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}...{text[-half:]}"
