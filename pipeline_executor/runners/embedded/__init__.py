"""The runner for clusters without Kubeflow: the engine says what may start, and each task is a pod. No runner pod.

Level-triggered: facts come from the pods and from the store, so a spoke that is killed at any point goes on where it
was. In the order of what happens:

    pod_names     what a task's pod is called (pure)
    pods          a pod of a launch (pure), with `platforms` for what the platform document says
    claims        PersistentVolumeClaims of pipelines, and the workspace of a run (pure)
    pod_facts     what a pod's status says, as a record (pure)
    decisions     what follows for a whole group: what the engine is told, how far each task is (pure)
    launch_json   a launch as the store keeps it (pure)
    state         what is kept of a group while it runs
    pod_index     the pods of all tasks: an informer, by group
    looking       gathers: what goes on, what has ended, what is left over
    ending        writes down how attempts ended, and has pods go
    launching     begins attempts
    runner        all of it in its order
    task_source   the runner as the task API sees it
"""
