"""Just-in-time compilation of loops. Loads numba, so it is imported only where something is large."""

from pathlib import Path
from typing import Any

from numba import njit


def fast(function: Any) -> Any:  # noqa: ANN401  # numba's own types
    """Compile the function at its first call, and keep it beside its module or in the user's cache, if there is one."""
    try:
        return njit(cache=True, error_model="numpy", nogil=True)(function)
    except RuntimeError:  # nowhere to keep compiled code
        return njit(error_model="numpy", nogil=True)(function)


def is_kept(function: Any) -> bool:  # noqa: ANN401  # numba's own types
    """Return whether a function's compiled code is at hand, perhaps from another process."""
    if function.signatures:
        return True
    folder = getattr(function._cache, "cache_path", None)  # noqa: SLF001  # numba tells it nowhere else
    name = function.py_func.__qualname__
    return folder is not None and any(Path(folder).glob(f"*.{name}-*.nbi"))
