"""The scheduler extender: filters nodes by governance and scores them by data locality, from a watch cache.

It binds nothing and writes nothing, asks no API server while the scheduler waits, and decides nothing of its own: every
verdict is `moorage.policy`'s, every second `moorage.locality`'s.

    extender   the scheduler's wire format, and /sites/score's question (pure)
    gather     the informers' caches, and the snapshot made of them
    app        the HTTP server: gather, ask `moorage.locality`, answer
"""
