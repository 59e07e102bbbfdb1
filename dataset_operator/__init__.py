"""The operator: a controller that makes the status of each Dataset tell the truth.

Level-triggered: gather -> decide -> apply. It writes statuses and Events, and requeues waiting pods; it never places,
mounts or mutates anything, and it reads Secrets only to list a steward's own source.

    controller     one entry per Dataset, with a work queue for listing and one for reconciling
    reconciling    from all that is known to the status that it should have (pure)
    cluster_index  informers over Sites, pods and Namespaces
    requeueing     has the scheduler look again at pods that wait
    shell          kopf: events of Datasets go to the controller
"""
