"""The operator: a controller that keeps the status of each Dataset true.

Level-triggered: gather -> decide -> apply. It writes statuses and Events, and requeues waiting pods; it never places,
mounts or mutates anything, and it reads Secrets only to list a steward's own source.

    controller     one entry per Dataset, with a work queue for listing and one for reconciling
    reconciling    from all that is known to the status that it should have (pure)
    cluster_index  informers over Sites, pods and Namespaces
    pod_index      which pods hold each Dataset and which wait for it, kept pod by pod
    requeueing     has the scheduler look again at pods that wait
    orphans        tells pods whose Dataset was deleted
    shell          kopf: events of Datasets go to the controller
"""
