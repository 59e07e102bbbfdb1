"""`warm` and `evict`: copies of a dataset on nodes, ahead of their readers, and away again.

A node copies what a pod on it may read, and nothing else; so `warm` makes pods that read the dataset like any others. A
copy leaves where its Dataset says so; so `evict` writes that into the Dataset.

    jobs      what `warm` asks Kubernetes for (pure)
    copies    how far the copies are, by pods and NodeCaches (pure)
    drawing   that, on a terminal or as lines
    warming   the command `warm`
    wishes    which copies a Dataset asks to leave (pure)
    evicting  the command `evict`
"""
