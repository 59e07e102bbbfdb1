"""The scheduler extender: filters nodes by governance and scores them by data locality, from a watch cache.

It binds nothing and writes nothing, asks no API server while the scheduler waits, and decides nothing of its own: every
verdict is `moorage.policy`'s, every second `moorage.locality`'s.

    score.py      pure: numbered phases over a snapshot
    reasons.py    pure: a refusal in the few words that a scheduling event has room for
    extender.py   the scheduler's wire format, and /sites/score's
    gather.py     the watch caches, and the snapshot made of them
    app.py        the HTTP server
"""
