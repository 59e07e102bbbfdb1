"""The node plugin: a CSI node service that mounts what the broker permits, and the sidecar that serves the mount.

It holds no right to read Secrets or to list anything; what may be mounted is the broker's word. It never looks into a
mount (a stat of a FUSE that nobody serves yet blocks): what is mounted it learns from mountinfo alone.

    csi_schema    the CSI and plugin registration messages that we speak, as a table
    csi           those messages as frozen records, at the edge
    node_service  the gRPC services, over
    publishing    publish and unpublish: ask, mount, remember, and the reverse
    attaching     what a sidecar's request for a descriptor is answered with
    revoking      ends what running pods may not read any more
    pod_sockets   the sockets in the pods' volumes, and what may be believed of what comes from there
    broker        the credential broker's client
    mounting      what the kernel serves, one file a kind of source
    binding       a folder of the node at a pod's mount point
    mounts        mount(2) and umount2(2); mountinfo parses what the kernel says of them
    pod_paths     paths inside the kubelet's directory, opened without following links
    memfd_files   files on no disk, for secrets that a program takes from files only
    journal       what was published, on disk, without secrets: a restarted driver goes on from there
    caching       copies of datasets on the node's disk: bound into pods, filled, evicted, told of
    memory        the node's memory that pods share: made, bound into pods, freed
    filler        the program that copies a dataset; imports as little as the sidecar
    sidecar       the mount server's supervisor; imports the standard library and what of `moorage` needs no more
"""
