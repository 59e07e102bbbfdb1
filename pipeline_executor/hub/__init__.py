"""The hub: plans StretchedPipelines, releases their groups to the sites' clusters, follows them to their end.

`python3 -m pipeline_executor.hub`. Level-triggered: what a run needs next is decided from the object's status, the
PipelineGroups at the spokes and the manifests in the stores, and from nothing else. So a hub that is killed at any step
goes on where it was.

    state      a run's status as a record, read and written (pure)
    inforce    the plan in force, as far as releasing asks of it (pure)
    deciding   what a run needs next: the decision (pure); `groups` decides of one group
    rules      the policy, asked again before anything is released (pure)
    replanning what stays where it is when a site is lost (pure)
    tasks      tasks and bytes of a run from what its groups say (pure)
    reporting  run.json: plan beside actual (pure)
    referring  which runs read what others left (pure)
    sources    a run's pipeline and hints, wherever they are
    plans      plans in the stores: found, written
    plannings  the queue of plannings, by turns of namespaces
    world      gathers what a decision asks for
    controller gather, decide, apply
    app        puts it together
"""
