"""The exact versions of all programs. They were run together; notes explain the odd ones."""

KUBERNETES = "1.36.3"
ETCD = "3.7.3"
CONTAINERD = "2.4.2"
HELM = "4.3.1"
KWOK = "0.8.0"
CRANE = "0.22.1"
KREW = "0.4.3"
COREDNS = "1.14.7"

# Kubernetes 1.36 wants 1.26; Go 1.27 breaks its OpenAPI output.
GO_MINOR = (1, 26)
GO_FROM_PYPI = "1.26.6"
