"""Connection settings of the API server: from a kubeconfig, from a pod's service account, or given.

The reading of kubeconfigs and the ways to authenticate are lightkube's; the order in which they are tried is kubectl's.
"""

import os
import socket
from pathlib import Path

import httpx2 as httpx
import msgspec
import orjson
import yaml
from lightkube.config import client_adapter, kubeconfig
from lightkube.config.models import NameValue, User, UserExec
from lightkube.core.exceptions import ConfigError

from moorage.errors import SettingError
from moorage.kube.answers import NO_CREDENTIALS

_EXEC_GROUP = "client.authentication.k8s.io"

# lightkube takes a kubeconfig's shape for granted.
_UNREADABLE = (ConfigError, msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError, OSError)

# A peer that vanished without a word (node lost, firewall state dropped) is noticed by the kernel within
# 15 + 3 * 5 seconds on an idle connection, and within 20 seconds on one with unanswered data.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
]


def find_config(path: Path | None = None, context: str | None = None) -> kubeconfig.SingleConfig:
    """Find out where the API server is.

    Tried in this order: the given path, the first existing file of `KUBECONFIG`, the pod's service account,
    `~/.kube/config`.

    Raises:
        SettingError: none of them is there, or the one found can't be read.
    """
    try:
        config = _load(path).get(context)
    except (*_UNREADABLE, yaml.YAMLError) as error:
        named = path or os.environ.get("KUBECONFIG") or "the pod's service account, ~/.kube/config"
        problem = f"no usable cluster: {error}; set KUBECONFIG to a kubeconfig file whose context exists"
        raise SettingError(str(named), f"context {context}" if context else "current-context", problem) from error
    if config is None:  # lightkube returns its default, which we give none
        raise SettingError(str(path), "current-context", "no context is chosen; name one with --context")
    return config


def given_config(text: str, subject: str) -> kubeconfig.SingleConfig:
    """Return the API server of a kubeconfig that somebody else wrote: it must hold all that it needs.

    Args:
        text: YAML, its current context the one that counts.
        subject: what holds it, for messages; nothing of the text itself is in a message.

    Raises:
        SettingError: it can't be read, or would have us run a program, read a file or trust anybody.
    """
    try:
        raw = yaml.safe_load(text)
        config = kubeconfig.KubeConfig.from_dict(raw).get(None)
    except (*_UNREADABLE, yaml.YAMLError, RecursionError) as error:
        problem = f"is no kubeconfig ({type(error).__name__}): write one whose current-context exists"
        raise SettingError(subject, "kubeconfig", problem) from None
    if config is None:
        raise SettingError(subject, "kubeconfig", "names no current-context: write the one that is meant")
    user = config.user or User()
    for found, field, remedy in (
        (user.exec, "exec", "it would run a program here: give a token or a client certificate"),
        (user.auth_provider, "auth-provider", "it would run a program here: give a token or a client certificate"),
        (user.token_file, "tokenFile", "it names a file, and there is none here: write the token itself"),
        (
            user.client_cert,
            "client-certificate",
            "it names a file, and there is none here: embed it (kubectl --flatten)",
        ),
        (user.client_key, "client-key", "it names a file, and there is none here: embed it (kubectl --flatten)"),
        (
            config.cluster.certificate_auth,
            "certificate-authority",
            "it names a file, and there is none here: embed it (kubectl --flatten)",
        ),
        (config.cluster.insecure, "insecure-skip-tls-verify", "anybody could pose as the cluster: give its authority"),
    ):
        if found:
            raise SettingError(subject, f"kubeconfig, {field}", f"can't be used: {remedy}")
    if not config.cluster.server.startswith("https://"):
        raise SettingError(subject, "kubeconfig, server", "must begin with https://")
    return config


def bearer_token(path: Path | None = None, context: str | None = None) -> str:
    """Return the token that requests to the API server show; "" where they show none, as with a client certificate.

    Raises:
        SettingError: there is no usable cluster.
    """
    config = find_config(path, context)
    parameters = client_adapter.ConnectionParams(trust_env=False).httpx_params(_complete(config))
    if parameters["auth"] is None:
        return ""
    request = httpx.Request("GET", config.cluster.server)
    flow = parameters["auth"].sync_auth_flow(request)
    try:
        next(flow)
    except NO_CREDENTIALS as error:
        raise SettingError(str(config.fname or "service account"), "user", f"gives no token: {error}") from error
    finally:
        flow.close()
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def bearer_config(config: kubeconfig.SingleConfig, token: str) -> kubeconfig.SingleConfig:
    """Return the same API server with somebody else's token in the place of all credentials."""
    return config._replace(user=User(token=token))


def _load(path: Path | None) -> kubeconfig.KubeConfig:
    if path is not None:
        return kubeconfig.KubeConfig.from_file(path)
    listed = [entry for entry in os.environ.get("KUBECONFIG", "").split(os.pathsep) if entry]
    if listed:
        present = [entry for entry in listed if Path(entry).expanduser().is_file()]
        return kubeconfig.KubeConfig.from_file((present or listed)[0])
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return kubeconfig.KubeConfig.from_service_account()
    return kubeconfig.KubeConfig.from_file(kubeconfig.DEFAULT_KUBECONFIG)


def open_http(config: kubeconfig.SingleConfig) -> httpx.AsyncClient:
    """Make the HTTP client for one API server; nothing is sent yet.

    Proxies from the environment are not used: what runs in a cluster talks to its own API server directly.

    Raises:
        SettingError: a certificate or key that the kubeconfig names can't be read.
    """
    try:
        parameters = client_adapter.ConnectionParams(trust_env=False).httpx_params(_complete(config))
    except (ConfigError, OSError, ValueError) as error:
        problem = f"certificate or key can't be read: {error}"
        raise SettingError(str(config.fname or "service account"), f"context {config.context_name}", problem) from error
    transport = httpx.AsyncHTTPTransport(
        verify=parameters["verify"],
        # Every watch holds a connection; a limit would let watches starve requests without a word. API servers close
        # idle connections after 90 seconds.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=60),
        socket_options=_KEEPALIVE,
    )
    return httpx.AsyncClient(
        base_url=parameters["base_url"],
        auth=parameters["auth"],
        transport=transport,
        timeout=httpx.Timeout(30, connect=5),
        trust_env=False,
        # Compression costs the event loop more than it saves on a network close by.
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "moorage"},
    )


def _complete(config: kubeconfig.SingleConfig) -> kubeconfig.SingleConfig:
    """Fill in what lightkube insists on or does not know."""
    user = config.user or User()
    if user.exec and user.exec.apiVersion == f"{_EXEC_GROUP}/v1":
        # It runs plugins of v1beta1 only; v1 differs in that plugins may insist on being told what is wanted of them.
        wanted = {"apiVersion": user.exec.apiVersion, "kind": "ExecCredential", "spec": {"interactive": False}}
        told = NameValue(name="KUBERNETES_EXEC_INFO", value=orjson.dumps(wanted).decode())
        plugin = UserExec(
            apiVersion=f"{_EXEC_GROUP}/v1beta1",
            command=user.exec.command,
            args=user.exec.args,
            env=[*(user.exec.env or []), told],
        )
        user = User(exec=plugin)
    return config._replace(user=user)
