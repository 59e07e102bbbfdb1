"""`migrate`: what Datashim has, in a file or in a cluster, becomes ours. Nothing of Datashim's is changed.

conversion   many objects at once: what becomes of each, and of claims beside them. Pure
finding      Datashim's objects in a cluster, and what is around them
users        what pods and workloads would notice. Pure
applying     server-side apply, and what is left alone
command      `moorage migrate`
"""
