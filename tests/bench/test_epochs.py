"""Where the pods of the job that reads over and over go."""

from collections import Counter
from pathlib import Path

import pytest

from bench.cache_fills import Workload
from bench.epochs import PODS, Job, place
from bench.far_line import FarLine
from bench.near_nodes import SITE, Source, made_nodes
from moorage.grants.grant import FillTerms, Grant
from moorage.model import DatasetRef
from moorage.sources.s3 import S3Source
from node_plugin.caching.holding import VersionKey

VERSION, SIZE = "a" * 64, 64 << 20


@pytest.mark.parametrize(("scored", "there"), [(True, PODS), (False, PODS // 2)])
async def test_scores_send_all_pods_to_the_copy(tmp_path: Path, *, scored: bool, there: int) -> None:
    """As long as that node has room; the scheduler alone spreads them."""
    terms = FillTerms(size_bytes=SIZE, far_seconds=1.0, listed_version=VERSION)
    grant = Grant(
        location=S3Source("http://127.0.0.1:1", "bucket"), local=False, credentials=None, site=SITE, fill=terms
    )
    source = Source(grant, VersionKey(DatasetRef("bench", "epochs"), VERSION), 1)
    async with made_nodes(source, tmp_path, 2) as nodes:
        store = nodes[0].store
        store.begin(source.key, SIZE, 1, None)
        store.publish(source.key, SIZE, 1)
        job = Job(source, FarLine(("127.0.0.1", 1)), tmp_path, Workload("epochs", "epochs", 1, SIZE))
        placed = Counter(node.name for node in place(job, nodes, scored=scored))
    assert placed[nodes[0].name] == there
