"""The spoke: runs the PipelineGroups of its cluster, and reports. A controller over informers and a work queue.

Whatever may change a group's state (the object, its pods, a transfer, a clock) adds its key to the queue; working on a
key means to look at everything, decide, and make it right. In the order of that:

    group_objects  what an informer keeps of a PipelineGroup
    attempts       which of them are attempts of the same group (pure)
    accepting      whether this attempt is the newest, and its pipeline from the store
    importing      brings what other groups made, each once for all that read it
    importers      puts what was brought into the pipeline (pure)
    (runners)      run it
    exports        what of the group's exports is due (pure)
    publishing     writes manifests and values, once
    status         what the object's status says (pure)
    summaries      the status in one string, for ways to the hub that bring no lists (pure)
    events         what a person should see (pure)
    controller     all of it in its order
    assembly       puts controller, runner and task API together
    heartbeat      tells the hub that this spoke is alive
    settings       what it can be told
"""
