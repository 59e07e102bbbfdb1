"""What broker, node plugin and sidecar say to each other of a grant: one record and one form each. Pure.

    question  a node plugin asks for one pod and one dataset
    grant     yes: where to read, with which keys
    answer    what comes back: a grant, or a refusal (`moorage.refusal`)

`grant` is all that the sidecar imports of it, so nothing is imported here.
"""
