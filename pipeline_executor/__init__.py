"""Runs what the splitter planned: a hub that releases groups of tasks, spokes that run them, and what lies between.

    spoke         runs the groups that the hub asks for, brings what they read, publishes what they give out
    runners       what runs a group's tasks, behind one interface; embedded: each task a pod
    transfers     from the producer's store to the consumer's
    task_api      what the sidecars of tasks ask a spoke
    engine        what of a group may start now, and what it gave out: pure
    task_sidecar  beside a task: fetches what it reads, uploads what it wrote
    store         a site's artifact store: where everything that outlives a pod is kept

Hub and spoke are processes of their own, and know each other by the objects of `moorage.runs` only.
"""
