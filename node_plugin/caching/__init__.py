"""The node's cache: versions of datasets on its disk, shared read-only by all its pods.

What may be held is the broker's word, what is worth holding `moorage.locality`'s; here both are done.

    holding    one version on the disk, and what its folder is called (pure)
    store      the cache's folder: whole versions, unfinished ones, what is being removed
    summaries  what of a whole version is read back after a restart
    usage      who read what within the last day, on disk
    deciding   bind, stream, fill, make room: pure decisions on what the store holds
    fillers    the processes that fill, one a version
    state      what the modules below share
    wishes     a fill that was decided on, and when it is tried again
    fills      the fills that were decided on
    serving    what publishing asks of the cache, and what it does when a copy is whole or may not stay
    awaiting   volumes that wait for a copy, because nothing else can serve them
    keeping    the loop: what may stay, what must go, what is told
    reporting  NodeCache, written when something moved
"""
