"""What may be tried again, and what has to be begun anew."""


class ChangedError(Exception):
    """The object is not the one that was listed."""


class TryAgainError(Exception):
    """The server is busy, or the connection broke."""
