"""The version of a source's data, as the semantics define it: one line an object, hashed in bytewise order of the keys.

The operator computes it from a listing, and whoever keeps a copy computes it again from what was copied. Pure.
"""


def version_line(key: bytes, size_bytes: int, etag: str) -> bytes:
    """What one object adds to the SHA-256.

    Args:
        key: relative to the folder.
        size_bytes: its size.
        etag: without quotes.
    """
    return b"%b\0%d\0%b\n" % (key, size_bytes, etag.encode())
