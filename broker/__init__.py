"""The credential broker: gives a node plugin the keys of one dataset for one pod, or a refusal.

It trusts what the API server vouches for and nothing else: whose token it is, which node it is bound to, which pod runs
there, under which account, in which namespace. It gives keys for a volume that the pod's spec asks for, never for a
pod that the node made up. Nothing is placed, mounted or written to the cluster here but the broker's own certificate.

    identity    which node plugin, by what the API server says of its token (pure)
    vouching    whether the pod is what it is said to be (pure)
    ruling      the policy, and which source (pure)
    asking      who asks for what, and what is ruled
    reviewing   which of the volumes that a node shows must end (pure)
    caching     what a node may keep of datasets (pure)
    neighbours  which nodes of its site hold a dataset, or are bringing it (pure)
    site_reads  how many pods were granted a dataset at each site of late
    sightings   the same, looked at once a second for all that ask
    passes      certificates that node plugins show each other (pure)
    audit       one line of evidence for every answer: where a byte went can be proved
    parts       what every answer is made with
    introducing what nodes are told of their neighbours
    app         the HTTP face

Question and answer themselves are `moorage.grants`, which the node plugin speaks too.
"""
