"""The kinds of sources that are copied: a further kind is a file beside `s3` and a line here."""

from collections.abc import Callable

from moorage.calling.endpoints import Endpoint
from moorage.grants.grant import Grant
from moorage.sources.http import HttpSource
from moorage.sources.s3 import S3Source
from node_plugin.filler.folder import Folder
from node_plugin.filler.s3 import S3Folder
from node_plugin.filler.web import CopiedWebFolder


def opener(grant: Grant) -> Callable[[], Folder] | None:
    """Makes folders of the grant's source, one for each thread; None for a kind that is not copied."""
    match grant.location:
        case S3Source() as bucket:
            store = Endpoint(bucket.endpoint, bucket.ca_bundle)
            return lambda: S3Folder(bucket, grant.credentials, store)
        case HttpSource() as page:
            server = Endpoint(page.url, page.ca_bundle, named_in="http.url")
            return lambda: CopiedWebFolder(page, server)
    return None
