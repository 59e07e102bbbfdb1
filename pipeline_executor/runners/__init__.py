"""Runners of a spoke's groups, behind one interface, and the records of tasks that all of them write.

    protocol       the interface: a group that is ready to run in, how far it is out
    task_records   a run's tasks in a site's artifact store
    program_paths  paths of tasks (pure)
    pod_states     how a pod is, whoever made it (pure)
    verdicts       what an attempt is judged by, and what comes of it (pure)
    judging        what a pod's facts mean for an attempt, with the sentence why (pure)
    sentences      what programs say, in one line, bounded (pure)
    admission      what the API server's refusal of a pod means (pure)
    mounts, logs   what the API server has besides: Events about volumes, containers' logs
    live_logs      writes the logs of tasks that run, in parts
    embedded       a runner for clusters without Kubeflow: each task is a pod of the spoke
    kubeflow       a runner for clusters with it: each group's attempt is a run there

A runner knows nothing of imports, exports or statuses: those are the spoke's, whatever runs the tasks.
"""
