"""Parts that every server shares: self-renewing certificates, health endpoints, logs, graceful shutdown.

It may not know what is served. What changes a certificate is decided purely (`rotation`, over `certificates`) and
carried out by `keeper`.

    certificates   CA and leaf certificates as PEM: make, read, check (pure)
    rotation       what the next state of a CA bundle and its leaf is (pure)
    storage        how that state lies in a Secret (pure)
    keeper         keeps it there, publishes the bundle, reloads the live TLS context
    publishers     where clients read the bundle: a ConfigMap, webhook configurations
    mounted        instead of all that: certificates that somebody else (cert-manager) mounts and renews
    context        a TLS context whose certificate can be exchanged while it serves
    limits         connection limits, timeouts and bytes of bodies, of one listener
    connections    the connection table: which one is closed to make room (pure)
    listening      the listener that holds to them
    callers        client certificate authorization by name
    token_reviews  whose service account token: TokenReview, kept for seconds
    rate_limit     how often somebody may ask
    health         /healthz and /readyz with named checks
    metrics      Prometheus metrics and /metrics
    run            an aiohttp application as a process: SIGTERM drains it
    logs           JSON lines, without secrets
"""
