"""Strict reading of what others wrote: bounded, of exact types, and no message repeats what may be a secret.

    documents  bytes to a JSON object: how long, how deep, what counts as JSON
    limits     how long and how many, by the field's name
    fields     one mapping, field by field; an error names the object and the field
    quantity   Kubernetes quantities
    duration   seconds, with s, min or h

Standard library only, and quantities and durations are imported where one is read: the sidecar, which starts once for
each pod, reads none.
"""
