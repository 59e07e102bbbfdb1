"""Tags of pipelines and versions: a few texts by texts, which clients send as JSON."""

import orjson
from aiohttp import web

from kfp_api.answers import invalid
from kfp_api.objects import read_tags

_LONGEST = 16_384


def query_tags(request: web.Request) -> dict[str, str]:
    """Return the parameter `tags` of an upload.

    Raises:
        RequestError: it is no JSON.
        InputError: they are no tags.
    """
    text = request.query.get("tags", "")
    try:
        return read_tags(orjson.loads(text)) if text and len(text) <= _LONGEST else read_tags(text)
    except orjson.JSONDecodeError:
        raise invalid('tags: must be JSON, as {"team": "fraud"}') from None


def written_tags(tags: dict[str, str]) -> str:
    """Serialize tags for a ConfigMap; "" for none."""
    return orjson.dumps(tags, option=orjson.OPT_SORT_KEYS).decode() if tags else ""
