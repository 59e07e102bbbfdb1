"""Work queues in which tenants take turns. They know asyncio and a clock; the work itself is the caller's.

work_queue    a work queue: one key at a time, again where its work failed (`WorkQueue`)
shares        which key may be worked on next, by turns of tenants and limits of each share (pure)
backing_off   how long to wait before a failed try is repeated (pure)
keyed_locks   a lock for each key
paced_worker  a worker over fair_queue: writes at bounded rates (`PacedWorker`)
fair_queue    a rate-limited queue that is fair between tenants (pure)
rate          the token bucket (pure)
"""
