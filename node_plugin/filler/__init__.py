"""The filler: copies one version of a dataset into a folder, verifies every object, and ends. A process of its own.

The node plugin starts it for each fill, as a user without rights, in the folder that is to be filled: it parses what a
stranger's store answers, so it can neither mount, nor see the kubelet's folders or other datasets' copies, nor hold up
a publish. Its keys come on standard input and are nowhere else. When standard input ends, its parent is gone, and so is
it: what is whole stays, and the next filler goes on from there.

It imports the standard library and what of `moorage` the sidecar imports; for an archive that is packed with zstd,
zstandard as well.

    exchange   what the node plugin and the filler say to each other
    keys       keys of objects as paths of files (pure)
    manifest   the objects of a version, and the version that they are (pure, but for reading and writing the file)
    folder     what a kind of source has to offer
    s3, web    listing and reading an S3 store, and what is behind a web server
    opening    the kinds that are copied
    neighbour  which objects another node has, and reading one
    etags      what an etag says of bytes (pure)
    fetching   one object to one file, verified
    writeback  has the kernel begin to write out what has come
    sharing    which object comes from the source, and which from a neighbour (pure)
    board      what is left to bring, and who has what
    circle     the neighbours of a fill, as they come and go
    crew       the threads that bring
    members    what an archive holds, and where each member goes (pure)
    archives   the members of a tar or a zip
    zstd_frames   where frames of zstd begin and end (pure)
    unpacking  members as files, within bounds
    bringing   an archive from its server into a folder of files
    filling    a whole version: list, check, take over, fetch or unpack, seal
"""
