"""The command lines `moorage` and `kubectl dataset`: they read, explain and print; they decide nothing themselves.

Every verdict is asked of the policy, every second of the cost model, through the very phases that the scheduler
extender runs. What is written to the cluster is written by `create` alone.

    main            the tree of `moorage` commands, each imported when it is called
    kubectl_dataset the same commands as a kubectl plugin, and its completion
    running         errors to messages and exit codes
    connecting      --kubeconfig, --context, -n and the client they open
    output          tables, JSON, YAML, names
    listing, describing, creating, explaining   one command each; what can be pure is in the modules below
    gathering       what `why` needs of the cluster
    manifests       options to a Dataset (pure)
    object_files    the objects of a file
    sentences       governance in words (pure)
    stories         what `why` tells of a pod or a dataset (pure)
"""
