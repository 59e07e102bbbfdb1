"""What a test leaves to the garbage collector, collected at its end: no warning of it comes in another test."""

import gc
import warnings


def collect() -> None:
    """Collect it quietly: a hub that is killed in a test leaves its sockets, and so does Kubeflow's client."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
