"""Authentication of people who open the pages.

local    one person, at their own machine, with their own kubeconfig and an address that works once
tokens   bearers of tokens that the cluster's API server knows, in the cluster
"""
