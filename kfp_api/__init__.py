"""Kubeflow Pipelines' v2beta1 REST API in front of the hub: an unmodified `kfp.Client` gets placement across clusters.

A run is a StretchedPipeline, a recurring run a PipelineSchedule; experiments, pipelines and versions are ConfigMaps.
So the API server is the only store, and what this server keeps in memory are the indexes of its informers. It plans
and runs nothing: the hub does.
Nothing here imports kfp: `kfp-server-api` is the contract that the tests hold this server to.

    app            the application: routes, who may ask, errors in the backend's form
    experiments, pipelines, versions, runs, recurring, unserved    the handlers
    finding        one object by its id, among those that the caller may see
    listing        what a list asks for: namespace, filter, order, page
    catalogue      informers, and the indexes that lists and gets are answered from (index)
    specs          compiled pipelines as ConfigMaps hold them
    adoption       the ConfigMaps of single runs belong to their runs, or go
    compilers      child processes that read what tenants send (packages, compiling)
    identity       whose token, and what they may do: TokenReview and SubjectAccessReview, kept for seconds

Pure: records, objects (raw Kubernetes objects to records and back), states, rendering, filtering, paging, placement,
parameters, packages, compiling, recurrence (as objects have it, as
requests ask for it).
"""
