"""A real Kubernetes on one machine: etcd, control plane, kubelets and containerd as plain processes, N sites.

For demos, tests and development; several clusters live side by side. It knows nothing of datasets.

    spec            what a cluster is asked to be
    layout          where its files lie, and the binaries' cache
    record          what is written down so that any later process can find and end it
    address         its networks, one number per cluster
    certificates, kubeconfig, process, network, cgroups     small parts, each of use alone
    binaries        given, cached, downloaded or built executables
    control_plane, node, node_init, object_store, fake_nodes     what runs
    cluster, starting, teardown, preflight     putting it together and taking it apart
    images          OCI images from folders, without a registry

It may not import any other room but `moorage.errors`.
"""
