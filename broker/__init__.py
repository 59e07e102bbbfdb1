"""The credential broker: a node plugin's node-bound token in, the keys of one dataset for one pod out, or a refusal.

It trusts what the API server vouches for and nothing else: whose token it is, which node it is bound to, which pod runs
there, under which account, in which namespace. It gives keys for a volume that the pod's spec asks for, never for a
pod that the node made up. Nothing is placed, mounted or written to the cluster here but the broker's own certificate.

    identity    whose token: TokenReview, kept for seconds
    vouching    whether the pod is what it is said to be (pure)
    ruling      the policy, and which source (pure)
    audit       one line for every answer: where a byte went can be proved
    app         the HTTP face

Question and answer themselves are `moorage.grants`, which the node plugin speaks too.
"""
