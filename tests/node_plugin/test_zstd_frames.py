"""Where frames of zstd end, beside what the decompressor itself makes of them."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from node_plugin.filler.members import ArchiveError
from node_plugin.filler.zstd_frames import MOST_WINDOW_BYTES, Frames

BODIES = st.one_of(st.binary(max_size=300), st.integers(0, 400_000).map(lambda size: b"ab" * size))


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One, as any setting of the compressor makes it; or one that says nothing."""
    if draw(st.integers(0, 4)) == 0:
        body = draw(st.binary(max_size=40))
        return (0x184D2A50 + draw(st.integers(0, 15))).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body
    body = draw(BODIES)
    how = zstandard.ZstdCompressionParameters.from_level(
        draw(st.sampled_from([-5, 1, 3, 12])),
        write_checksum=draw(st.booleans()),
        write_content_size=draw(st.booleans()),
    )
    packer = zstandard.ZstdCompressor(compression_params=how)
    if draw(st.booleans()):
        return packer.compress(body)
    packing = packer.compressobj()
    pieces = [packing.compress(body), packing.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), packing.compress(body)]
    return b"".join(pieces) + packing.flush()


@given(st.lists(frames(), max_size=4), st.data())
def test_a_stream_may_end_where_a_frame_ends(parts: list[bytes], data: st.DataObject) -> None:
    """And nowhere else, however its bytes come."""
    whole = b"".join(parts)
    ends = {0}
    for part in parts:
        ends.add(max(ends) + len(part))
    cut = data.draw(st.integers(0, len(whole)) | st.sampled_from(sorted(ends)))
    heard = Frames()
    at = 0
    while at < cut:
        step = data.draw(st.integers(1, 5) | st.just(100_000))
        heard.hear(whole[at : min(at + step, cut)])
        at += step
    assert heard.is_whole is (cut in ends)


@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_is_heard_or_refused(piece: bytes, has_magic: bool) -> None:  # noqa: FBT001 - drawn
    """A sentence, and no other error."""
    heard = Frames()
    try:
        heard.hear(b"\x28\xb5\x2f\xfd" * has_magic + piece)
    except ArchiveError as error:
        assert ":" in str(error)  # noqa: PT017 - either way is fine


def test_windows_are_bounded_as_the_decompressor_counts_them() -> None:
    """It is given the same bound, and takes all that is let through."""
    for log in (20, 25, 26):
        how = zstandard.ZstdCompressionParameters.from_level(1, window_log=log)
        packing = zstandard.ZstdCompressor(compression_params=how).compressobj()
        frame = packing.compress(b"x" * 100) + packing.flush()
        reader = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES).stream_reader(frame)
        if 1 << log <= MOST_WINDOW_BYTES:
            Frames().hear(frame)
            assert reader.read(200) == b"x" * 100
            continue
        with pytest.raises(ArchiveError, match="more than 32 MiB"):
            Frames().hear(frame)
        with pytest.raises(zstandard.ZstdError):
            reader.read(200)


def test_what_has_no_window_is_held_as_a_whole() -> None:
    """So its size is bounded as a window is, before any of it comes."""
    head = b"\x28\xb5\x2f\xfd" + b"\xe0" + (40 << 20).to_bytes(8, "little")
    with pytest.raises(ArchiveError, match="more than 32 MiB"):
        Frames().hear(head)
