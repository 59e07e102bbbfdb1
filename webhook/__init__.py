"""The admission webhook: turns dataset labels into volumes, a sidecar and a scheduler name, or into a refusal.

It answers from a watch cache. It explains; the node plugin enforces. It never reads a Secret, and it writes nothing but
its own certificate.

    review       AdmissionReview in, answers out: `allowed`, `denied`, `patched`
    mutate       what becomes of a pod (pure), from `pod_checks`, `pod_limits`, `mounting`, `sidecar` and `environment`
    defaults     the labels that a namespace gives to its pods (pure)
    claims       the labels that a pod's claims stand for (pure)
    access_review  may this account read these Datasets, and where (pure)
    available    which Datasets an account may read (pure)
    workloads    what the pods of a Deployment or a Job will be told, as warnings when it is applied (pure)
    validate     what may be written of a Dataset or a Site beyond what their schemas say (pure)
    json_patch   the operations that lead from one JSON document to another (pure)
    gather       the informers' caches, and one GET where they miss
    turns        who may ask at once what is available
    app          the HTTP server: gather, decide, answer
"""
