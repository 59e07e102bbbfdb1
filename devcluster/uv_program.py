"""The installer of wheels that the development cluster uses, and how it is called."""

from moorage.errors import DevClusterError


def uv_install() -> list[str]:
    """Return the beginning of a command that installs wheels by `uv`.

    Raises:
        DevClusterError: it is not installed here.
    """
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - who only plans a pipeline does without it
    except ImportError:
        raise DevClusterError("uv is not installed: install moorage[devcluster], or run `make setup`") from None
    # --system-certs: pip trusts what the machine trusts, and so must this behind a company's proxy.
    return [find_uv_bin(), "--system-certs", "pip", "install", "--quiet", "--no-deps"]
