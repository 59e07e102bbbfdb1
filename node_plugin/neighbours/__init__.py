"""What node plugins of a site give each other: objects of versions that one has and another brings, and of memory.

Who may have what is the broker's word, on both sides: who asks shows a pass that the broker signed for one dataset and
one node; who serves holds nothing that the broker does not let it hold.

    shelf            which objects of a version are on this node's disk, and one of them, opened
    sending          what all that is sent has in common
    serving          the HTTPS server that other node plugins call
    following        the neighbours of a fill, as the broker tells of them
    memory_serving   what other nodes get of this node's memory
    memory_calling   what this node gets of another one's
    memory_round     what all others have, brought once
    credit           how long one node may keep this one waiting
    memory_bringing  the pods that wait for that
"""
