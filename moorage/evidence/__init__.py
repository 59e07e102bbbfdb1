"""Evidence: what was granted, refused and moved, as lines that are chained by hash, with heads that are signed. Pure.

A process writes one chain. Each line holds its sequence number, the hash of the line before and its own. The first line
of a chain names the heads of the chains before it, so a chain that is missing shows. Seals, which are lines too, sign
all that stands before them; whoever holds a signed head sees whether anything up to it was cut off.

    line       one line: a closed schema, its canonical JSON, its hash
    chain      makes the lines of one chain
    heads      how far a chain goes, as somebody may hold it
    signing    the private key; nothing else here needs more than the standard library
    trust      public keys, and whether a head is signed by one of them
    ed25519    that without `cryptography`
    documents  lines out of files: batches as a store keeps them, or a component's log
    findings   what may be wrong with lines, as values
    verifying  finds it
    selecting  which lines somebody asks for
    places     how batches are called in a store

Nothing here reads, writes, or knows the time.
"""
