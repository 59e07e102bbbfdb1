"""The sidecar beside a task: it fetches what the task reads, and uploads what it wrote. It holds no key of a store.

It asks the spoke's task API, with the pod's own token, and gets URLs for exactly this attempt's objects. It imports the
standard library and what of `moorage` needs no more, because it is started beside every task. It runs as any user,
without capabilities, on a read-only root.

    exchange    what sidecar and task API say to each other
    pieces      in which pieces a file crosses (pure)
    settings    what the pod's spec says
    journal     how far it is, for whoever goes on after a kill -9
    links       HTTP connections that are kept open
    trying      back-off and patience
    api         the sidecar's end of the task API
    fetching    what the task reads
    opening     opens what the task wrote, and nothing else
    collecting  finds what the task wrote, within limits
    uploading   what the task wrote
    post_start  the postStart hook: the task's container starts once it has ended
"""
