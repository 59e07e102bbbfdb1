"""The node's memory that pods share: a tmpfs for each Dataset of that kind, bound into the pods that may have it.

Who may have it is the broker's word, as for every volume; here it is mounted, and freed when nobody needs it any more.

    holding    what of the node's memory is held, and what its folder is called (pure)
    deciding   whether there is room for one more, and what is freed (pure)
    shared     the file systems: made, shown, measured, freed
    lying      what nodes tell each other of what lies there, and what one takes of it (pure)
    shelf      the objects in one of them: listed, sent, published
    keeping    the loop: what may stay is asked of the broker, and what nobody needs is freed
"""
