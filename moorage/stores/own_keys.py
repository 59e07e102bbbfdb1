"""A person's own keys of a store, from the environment."""

import os

from moorage.sources import Credentials


def own_keys() -> Credentials | None:
    """Return the keys that AWS's own variables hold; None where they hold none."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN") or None) if key and secret else None
