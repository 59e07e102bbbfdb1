"""Limits of a server: its clients' connections, timeouts, bytes of bodies in flight."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one listener. The defaults fit a port that kubelets probe.

    Attributes:
        connections: open at once, from all addresses together.
        connections_per_peer: of these, from one address.
        handshake_seconds: for TLS, from the accepted connection on.
        header_seconds: for the first request's header, from the accepted connection on.
        body_seconds: for a request's body, from its header on.
        answer_seconds: for a request's answer, from its header on.
        idle_seconds: between two requests.
        body_bytes: that all large bodies may have together while they arrive.
    """

    connections: int = 64
    connections_per_peer: int = 32
    handshake_seconds: float = 5.0
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    answer_seconds: float = 30.0
    idle_seconds: float = 75.0
    body_bytes: int = 32 << 20


FREE_BODY_BYTES = 64 << 10
"""Bodies up to this size are not counted: they are no more than a connection's own buffers."""
