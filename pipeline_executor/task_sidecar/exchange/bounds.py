"""Bounds on the size of messages."""

from typing import Final

from moorage.reading.documents import Bounds

MOST_IN_PAGE: Final = 500
"""Files in an answer of `INPUTS`, pieces in a request of `UPLOADS` and in an answer of `OUTPUTS`."""
PAGE_BOUNDS: Final = Bounds(most_bytes=2 << 20, most_depth=5)
"""The bounds of a sidecar's messages, reports excepted."""
ANSWER_BOUNDS: Final = Bounds(most_bytes=16 << 20, most_depth=5)
"""The bounds of answers: where keys of a store come with a session token, each URL is long."""
REPORT_BOUNDS: Final = Bounds(most_bytes=40 << 20, most_depth=5)
"""The bounds of an `OutputReport`, which lists every file that the task wrote."""
