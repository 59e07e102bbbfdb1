"""Numbers with a fraction: strings in the API, because JSON numbers with one are not safe there."""


def write_number(value: float) -> str:
    """Write the shortest decimal string that reads back as `value`."""
    return str(int(value)) if value == int(value) else repr(value)
