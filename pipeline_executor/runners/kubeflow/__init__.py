"""The runner for clusters with Kubeflow Pipelines: a group's attempt is one of its runs.

Level-triggered: everything is asked of Kubeflow, ML Metadata, the cluster and the store, so a spoke that is killed at
any point goes on where it was. What is taken for granted here was seen of backend 2.17. In the order of what happens:

    run_ids           what the run is called: the same attempt is the same run (pure)
    caching           which tasks its cache must not serve (pure)
    queueing          the queue that admits its pods (pure)
    submission        what is asked of it (pure)
    submitting        asks it once, though asking is not idempotent
    client, answers   its v2beta1 API; what it says of a run, which is little (the latter pure)
    metadata_schema   ML Metadata's messages, as a table
    metadata_client   its gRPC service
    lineage           what it knows of a run, as records (pure)
    outcomes          how far that makes each task, and what came out (pure)
    places            where outputs may lie (pure)
    node_names        which task a node of Argo's is (pure)
    pods, workflows   what they say, as records (pure)
    index             both of all runs: informers, by run
    state, opening    what is kept of a group, and how it is had again
    decisions         what all that means for attempts, tasks and the group (pure)
    looking           gathers: what goes on, what has ended, what can't go on
    recording         writes starts, logs and ends, as every runner does
    storing           finds, hashes and copies what launchers wrote
    settings          what the runner is told
    runner            all of it in its order
"""
