"""Classification of failures: which may be retried, and which need a new start."""


class ChangedError(Exception):
    """The object is not the one that was listed."""


class TryAgainError(Exception):
    """The server is busy, or the connection broke."""
