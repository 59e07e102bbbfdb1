"""The sidecar: serves the mounts that the driver hands it. It has no right and no secret of its own.

One rclone for each dataset of the pod, each on a FUSE descriptor that the driver opened. It runs as nobody in
particular, without capabilities, on a read-only root. It imports the standard library and what
of `moorage` needs no more: it is started beside every pod that mounts something, so it has to be small and quick.

    exchange     what driver and sidecar say to each other over the pod's socket
    driver_link  the sidecar's end of that
    remotes      kinds of sources, as rclone takes them (pure)
    rclone       the command line and configuration of one mount server (pure)
    inheriting   what an rclone inherits: its configuration and certificates
    mount_server one rclone, started again with a new descriptor whenever it ends
    store_errors what a store answered, in words (pure)
    keys_page    keys that end, for rclone to have others in time
    progress     what each dataset is waiting for, for the hook and for people
    post_start   the postStart hook: the pod's other containers start once it has ended
    settings     what the pod's spec says
    await_copy   no part of a sidecar: what a pod runs that has its node copy a dataset
"""
