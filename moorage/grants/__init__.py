"""The messages about a grant between broker, node plugin and sidecar: one record and one wire format each. Pure.

    question    a node plugin asks for one pod and one dataset
    grant       yes: where to read, with which keys
    review      a node plugin asks which of the volumes that it shows may still be read
    standing    a node plugin asks which of the datasets that its node holds may stay there
    neighbours  a node plugin asks which nodes of its site hold a dataset, and for a pass to read it from them
    batches     a question about many things at once, and its answer
    answer      what comes back: a grant, or a refusal (`moorage.refusal`)

`grant` is all that the sidecar imports of it, so nothing is imported here.
"""
