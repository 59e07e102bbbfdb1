"""What the chart renders, as tables over its objects."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.settings import BrokerSettings
from dataset_operator.settings import OperatorSettings
from devcluster.images.recipes import image_reference
from moorage import settings
from moorage.sources.permitted_roles import PermittedRole
from node_plugin.settings import NodePluginSettings
from scheduler_plugin.settings import ExtenderSettings
from tests.rendered import read_all
from webhook import app
from webhook.settings import WebhookSettings

CHART = Path(__file__).parents[2] / "charts/moorage"
CRDS = Path(__file__).parents[2] / "crds"
NAMESPACE = "moorage-system"

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

_SETTINGS = {
    "operator": OperatorSettings,
    "broker": BrokerSettings,
    "webhook": WebhookSettings,
    "extender": ExtenderSettings,
    "node-plugin": NodePluginSettings,
}
_CERT_MANAGER = 'webhook.certificate.provider="cert-manager"'
_CLUSTER_MODE = 'scheduler.mode="cluster"'


def _one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def _pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pod template of each workload, by its name."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in manifests
        if each["kind"] in {"Deployment", "DaemonSet"}
    }


def _containers(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Every container of every workload, by its name; names are unique in the chart."""
    found = [container for pod in _pods(manifests).values() for container in pod["spec"]["containers"]]
    assert len({each["name"] for each in found}) == len(found)
    return {each["name"]: each for each in found}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="as it comes"),
        pytest.param([_CERT_MANAGER, 'webhook.certificate.issuerRef={"kind":"ClusterIssuer","name":"x"}'], id="issuer"),
        pytest.param([_CERT_MANAGER, _CLUSTER_MODE, 'nodePlugin.hostPaths=["/data"]'], id="everything optional"),
        pytest.param(["crds.install=false", "guard.enabled=false", "rbac.aggregate=false"], id="nothing optional"),
    ],
)
def test_helm_lints_it(helm: Path, values: list[str]) -> None:
    """Strictly: a warning is a failure; only the missing icon is let pass."""
    arguments = [argument for value in values for argument in ("--set-json", value)]
    done = subprocess.run(
        [helm, "lint", "--strict", "--quiet", CHART, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('webhok={"replicas":3}', "webhok"),
        ("webhook.replicas=0", "/webhook/replicas"),
        ('scheduler.mode="none"', "/scheduler/mode"),
        ('nodePlugin.kubeletDir="var/lib/kubelet"', "/nodePlugin/kubeletDir"),
        ('logLevel="loud"', "/logLevel"),
        ('webIdentity.roles=[{"roleARN":"r","endpoint":"http://sts.test","namespaces":["a"]}]', "/roles/0/endpoint"),
        ('webIdentity.roles=[{"roleARN":"r","endpoint":"https://sts.test","namespaces":["*"]}]', "/namespaces/0"),
        ('webIdentity.roles=[{"roleARN":"r","endpoint":"https://sts.test"}]', "namespaces"),
    ],
)
def test_what_is_misspelt_is_refused(helm: Path, value: str, told: str) -> None:
    """The schema knows every value, and says which one is wrong."""
    done = subprocess.run(
        [helm, "template", "moorage", CHART, "--set-json", value], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert told in done.stderr


def test_every_value_is_in_the_schema() -> None:
    """A value added without its rule would be refused by helm only when somebody sets it."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def missing(value: object, rule: dict[str, Any], path: str) -> Iterator[str]:
        if isinstance(value, dict) and "properties" in rule:
            for key, inner in value.items():
                if key not in rule["properties"]:
                    yield f"{path}/{key}"
                else:
                    yield from missing(inner, rule["properties"][key], f"{path}/{key}")

    assert list(missing(values, schema, "")) == []


def test_the_definitions_are_those_of_the_repository(render: Render) -> None:
    """crds/ is their only source; the chart adds labels, and the annotation that keeps them when it is removed."""
    rendered = {each["metadata"]["name"]: each for each in render() if each["kind"] == "CustomResourceDefinition"}
    written = [yaml.safe_load(path.read_text()) for path in CRDS.glob("*.yaml")]
    assert rendered.keys() == {each["metadata"]["name"] for each in written}
    for original in written:
        crd = rendered[original["metadata"]["name"]]
        assert crd["spec"] == original["spec"]
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("container", _SETTINGS)
@pytest.mark.parametrize("values", [[], [_CERT_MANAGER, _CLUSTER_MODE]], ids=["as it comes", "everything optional"])
def test_programs_know_every_variable_that_the_chart_sets(render: Render, container: str, values: list[str]) -> None:
    """A setting that a room renamed would otherwise silently fall back to its default."""
    known = {each.variable: each for each in settings.describe(_SETTINGS[container])}
    written = {each["name"]: each.get("value") for each in _containers(render(*values))[container]["env"]}
    assert written.keys() <= known.keys()
    required = {variable for variable, each in known.items() if each.default is None}
    assert required <= written.keys()


@pytest.mark.parametrize("container", _SETTINGS)
def test_programs_can_read_what_the_chart_sets(render: Render, container: str) -> None:
    """Every value has the type that the room wants."""
    environment = {each["name"]: each.get("value", "from-the-pod") for each in _containers(render())[container]["env"]}
    settings.read(_SETTINGS[container], environment)


def test_the_chart_runs_the_images_that_are_built(render: Render) -> None:
    """The references are those under which the development cluster imports its images."""
    images = {name: container["image"] for name, container in _containers(render()).items()}
    assert images == {
        "operator": image_reference("operator"),
        "broker": image_reference("broker"),
        "webhook": image_reference("webhook"),
        "extender": image_reference("scheduler"),
        "kube-scheduler": image_reference("kube-scheduler"),
        "node-plugin": image_reference("node-plugin"),
    }
    sidecar = {each["name"]: each.get("value") for each in _containers(render())["webhook"]["env"]}
    assert sidecar["MOORAGE_MOUNT_IMAGE"] == image_reference("mount")


def test_every_container_has_probes_requests_and_a_read_only_root(render: Render) -> None:
    """Nothing is ready before it says so, nothing is unbounded, nothing writes where it should not."""
    for name, container in _containers(render()).items():
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), name
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports, name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


def test_the_webhook_outlives_nodes_and_upgrades(render: Render) -> None:
    """Two replicas on different nodes where that can be, never fewer than before, and an end that waits."""
    deployment = _one(render(), "Deployment", "moorage-webhook")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pod = deployment["template"]["spec"]
    (term,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["labelSelector"]["matchLabels"] == deployment["selector"]["matchLabels"]
    assert "preStop" in pod["containers"][0]["lifecycle"]
    budget = _one(render(), "PodDisruptionBudget", "moorage-webhook")["spec"]
    assert budget["selector"] == deployment["selector"]
    assert budget["maxUnavailable"] == 1


def test_admission_looks_at_no_pod_but_new_ones_that_name_a_dataset_or_a_claim(render: Render) -> None:
    """The practice for webhooks: it can fail without anybody else noticing."""
    webhook, defaults, claims, reviews = _one(render(), "MutatingWebhookConfiguration", "moorage")["webhooks"]
    assert reviews["rules"][0]["resources"] == ["datasetaccessreviews"]
    assert defaults["namespaceSelector"] == {
        **webhook["namespaceSelector"],
        "matchLabels": {"moorage.dev/defaults": "enabled"},
    }
    differs = {key for key in webhook if webhook[key] != claims[key]}
    assert differs == {"name", "matchConditions"}
    assert [each["name"] for each in claims["matchConditions"]] == ["mounts-a-claim", "has-no-dataset-labels"]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["sideEffects"] == "NoneOnDryRun"
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert webhook["timeoutSeconds"] == 3
    assert webhook["rules"] == [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["pods"],
            "operations": ["CREATE"],
            "scope": "Namespaced",
        }
    ]
    (condition,) = webhook["matchConditions"]
    assert condition["expression"].startswith("has(object.metadata.labels) && ")
    opt_outs = {
        each["key"]: (each["operator"], each["values"]) for each in webhook["namespaceSelector"]["matchExpressions"]
    }
    assert opt_outs == {
        "kubernetes.io/metadata.name": ("NotIn", ["kube-system", NAMESPACE]),
        "moorage.dev/admission": ("NotIn", ["disabled"]),
    }
    # The webhook's own, filled in at run time; an upgrade must not mention it.
    assert "caBundle" not in webhook["clientConfig"]


def test_webhooks_call_the_service_and_paths_that_are_served(render: Render) -> None:
    """Name, port and path of the configurations are those of the Service and of the program."""
    service = _one(render(), "Service", "moorage-webhook")
    for kind, paths in (
        ("MutatingWebhookConfiguration", [*[app.MUTATE_PATH] * 3, app.REVIEWS_PATH]),
        ("ValidatingWebhookConfiguration", [app.VALIDATE_PATH, app.NAMESPACES_PATH, app.WORKLOADS_PATH]),
    ):
        for webhook, path in zip(_one(render(), kind, "moorage")["webhooks"], paths, strict=True):
            called = webhook["clientConfig"]["service"]
            assert (called["name"], called["namespace"]) == ("moorage-webhook", service["metadata"]["namespace"])
            assert called["port"] == service["spec"]["ports"][0]["port"]
            assert called["path"] == path


def test_the_dedicated_scheduler_asks_the_extender_beside_it(render: Render) -> None:
    """Names only, every node, and no placement without the extender's word."""
    config = yaml.safe_load(_one(render(), "ConfigMap", "moorage-scheduler")["data"]["config.yaml"])
    (extender,) = config["extenders"]
    known = {each.variable: each.default for each in settings.describe(ExtenderSettings)}
    assert extender["urlPrefix"] == f"http://127.0.0.1:{known['MOORAGE_LISTEN_PORT']}"
    assert (extender["filterVerb"], extender["prioritizeVerb"]) == ("filter", "prioritize")
    assert extender["nodeCacheCapable"] is True
    assert extender["ignorable"] is False
    assert [profile["schedulerName"] for profile in config["profiles"]] == ["moorage"]
    assert config["percentageOfNodesToScore"] == 100
    assert config["leaderElection"]["leaderElect"] is True
    lease = config["leaderElection"]["resourceName"]
    rules = _one(render(), "Role", "moorage-scheduler")["rules"]
    assert [rule["resourceNames"] for rule in rules if "resourceNames" in rule] == [[lease]]


def test_the_clusters_own_scheduler_can_call_the_extender(render: Render) -> None:
    """Then no kube-scheduler of ours runs, none of its rights are given, and the webhook adds the managed resource."""
    manifests = render(_CLUSTER_MODE)
    assert "kube-scheduler" not in _containers(manifests)
    assert not [each for each in manifests if each.get("roleRef", {}).get("name", "").startswith("system:")]
    webhook = {each["name"]: each.get("value") for each in _containers(manifests)["webhook"]["env"]}
    assert webhook["MOORAGE_SCHEDULER_NAME"] == "default-scheduler"
    assert webhook["MOORAGE_MANAGED_RESOURCE"] == "moorage.dev/dataset"


def test_the_clusters_own_scheduler_asks_on_loopback(render: Render) -> None:
    """On each control-plane node, or where one says; no Service, and nobody else reaches it."""
    manifests = render(_CLUSTER_MODE)
    assert not [each for each in manifests if each["metadata"]["name"] == "moorage-extender"]
    assert _one(manifests, "DaemonSet", "moorage-scheduler")["spec"].keys() == {"selector", "template"}
    pod = _pods(manifests)["moorage-scheduler"]["spec"]
    assert pod["hostNetwork"] is True
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}
    assert [each["key"] for each in pod["tolerations"]] == ["node-role.kubernetes.io/control-plane"]
    extender = _containers(manifests)["extender"]
    written = {each["name"]: each.get("value") for each in extender["env"]}
    assert written["MOORAGE_LISTEN_HOST"] == "127.0.0.1"
    assert [str(port["containerPort"]) for port in extender["ports"]] == [written["MOORAGE_HEALTH_PORT"]]
    elsewhere = _pods(render(_CLUSTER_MODE, 'scheduler.nodeSelector={"a":"b"}'))["moorage-scheduler"]["spec"]
    assert elsewhere["nodeSelector"] == {"a": "b"}


def test_an_extender_with_a_service_is_asked_by_whom_a_policy_names(helm: Path, render: Render) -> None:
    """Else whoever reaches it could ask where any pod may go: the chart says so instead."""
    service_mode = 'scheduler.extender="service"'
    manifests = render(_CLUSTER_MODE, service_mode, 'networkPolicy.apiServers=["10.0.0.0/28"]')
    service = _one(manifests, "Service", "moorage-extender")
    ports = {port["name"]: port["containerPort"] for port in _containers(manifests)["extender"]["ports"]}
    assert ports[service["spec"]["ports"][0]["targetPort"]] == service["spec"]["ports"][0]["port"]
    asking = _one(manifests, "NetworkPolicy", "moorage-scheduler")["spec"]["ingress"][1]
    assert asking["from"] == [{"ipBlock": {"cidr": "10.0.0.0/28"}}]
    arguments = [argument for value in (_CLUSTER_MODE, service_mode) for argument in ("--set-json", value)]
    done = subprocess.run([helm, "template", "moorage", CHART, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "networkPolicy.apiServers" in done.stderr


def test_cert_manager_takes_over_the_certificates(render: Render) -> None:
    """Then the webhook may write no configuration, reads its sealing key only, and mounts what cert-manager makes."""
    manifests = render(_CERT_MANAGER)
    certificate = _one(manifests, "Certificate", "moorage-webhook-tls")["spec"]
    assert f"moorage-webhook.{NAMESPACE}.svc" in certificate["dnsNames"]
    assert _one(manifests, "Issuer", certificate["issuerRef"]["name"])
    pod = _pods(manifests)["moorage-webhook"]["spec"]
    assert {"name": "tls", "secret": {"secretName": certificate["secretName"]}} in pod["volumes"]
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        annotations = _one(manifests, kind, "moorage")["metadata"]["annotations"]
        assert annotations["cert-manager.io/inject-ca-from"] == f"{NAMESPACE}/moorage-webhook-tls"
    rules = _one(manifests, "ClusterRole", "moorage-webhook")["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    named = [name for rule in _one(manifests, "Role", "moorage-webhook")["rules"] for name in rule["resourceNames"]]
    assert set(named) == {"moorage-webhook-evidence"}


def test_the_node_plugin_reaches_no_folder_of_the_host_unasked(render: Render) -> None:
    """The kubelet's, /dev and the cache's, and those that the administrator names, below the root it looks in."""

    def folders(manifests: list[Manifest]) -> dict[str, str]:
        pod = _pods(manifests)["moorage-node-plugin"]["spec"]
        paths = {each["name"]: each["hostPath"]["path"] for each in pod["volumes"] if "hostPath" in each}
        mounts = pod["containers"][0]["volumeMounts"]
        return {each["mountPath"]: paths[each["name"]] for each in mounts if each["name"] in paths}

    unasked = {"/var/lib/kubelet": "/var/lib/kubelet", "/dev": "/dev"}
    assert folders(render("nodePlugin.cache.enabled=false")) == unasked
    unasked["/var/cache/moorage"] = "/var/lib/moorage/cache"
    assert folders(render()) == unasked
    asked = render('nodePlugin.hostPaths=["/data","/srv/x"]')
    assert folders(asked) == unasked | {"/host/data": "/data", "/host/srv/x": "/srv/x"}
    root = {each["name"]: each.get("value") for each in _containers(asked)["node-plugin"]["env"]}["MOORAGE_HOST_ROOT"]
    assert root == "/host"


def test_the_node_plugin_finds_broker_token_and_authority_where_it_looks(render: Render) -> None:
    """The projected token, its audience and the CA are mounted at the paths that the plugin is told."""
    pod = _pods(render())["moorage-node-plugin"]["spec"]
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    (source,) = volumes["broker-token"]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "moorage-broker"
    token = f"{mounts['broker-token']}/{source['serviceAccountToken']['path']}"
    assert environment["MOORAGE_BROKER_TOKEN_FILE"] == token
    (item,) = volumes["broker-ca"]["configMap"]["items"]
    assert environment["MOORAGE_BROKER_CA_FILE"] == f"{mounts['broker-ca']}/{item['path']}"
    assert _one(render(), "ConfigMap", volumes["broker-ca"]["configMap"]["name"])
    # Found by the variables of the Service, so that no cluster DNS is needed.
    assert pod["enableServiceLinks"] is True


def test_nothing_is_named_after_the_release(render: Render, helm: Path) -> None:
    """One installation per cluster: whatever the release is called, names are those of the documentation."""
    other = subprocess.run(
        [helm, "template", "other", CHART, "--namespace", NAMESPACE], capture_output=True, text=True, check=True
    ).stdout
    names = {(each["kind"], each["metadata"]["name"]) for each in read_all(other)}
    assert names == {(each["kind"], each["metadata"]["name"]) for each in render()}
    assert not re.search(r"^\s*name: other", other, re.MULTILINE)


def test_what_prometheus_and_grafana_read(render: Render) -> None:
    """Nothing by default; where asked for, a monitor of every health port, alerts, a dashboard."""
    kinds = {each["kind"] for each in render()}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
    switches = [f"metrics.{part}.enabled=true" for part in ("podMonitor", "rules", "dashboard")]
    rendered = render(*switches, 'metrics.podMonitor.labels={"release": "prometheus"}')
    monitor = next(each for each in rendered if each["kind"] == "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for workload in (each for each in rendered if each["kind"] in {"Deployment", "DaemonSet"}):
        template = workload["spec"]["template"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        ports = [port["name"] for container in template["spec"]["containers"] for port in container.get("ports", ())]
        assert endpoint["port"] in ports, workload["metadata"]["name"]
    rules = next(each for each in rendered if each["kind"] == "PrometheusRule")
    assert rules["spec"]["groups"][0]["name"] == "moorage"
    dashboard = _one(rendered, "ConfigMap", "moorage-dashboard")
    assert json.loads(dashboard["data"]["moorage.json"])["uid"] == "moorage"


_POLICY_VALUES = [
    'networkPolicy.apiServers=["10.0.0.1/32"]',
    'networkPolicy.kubelets=["10.1.0.0/16"]',
    'networkPolicy.nodes=["10.2.0.0/16"]',
]


def _allowed(policy: Manifest) -> dict[str, list[Any] | None]:
    """Who may reach each port; None: anybody."""
    return {
        port["port"]: [peer.get("ipBlock", peer) for peer in rule["from"]] if "from" in rule else None
        for rule in policy["spec"]["ingress"]
        for port in rule["ports"]
    }


def test_each_component_has_a_network_policy_that_selects_its_pods(render: Render) -> None:
    """And only ports that are served are let in."""
    manifests = render()
    policies = {each["metadata"]["name"]: each for each in manifests if each["kind"] == "NetworkPolicy"}
    pods = _pods(manifests)
    assert policies.keys() == pods.keys()
    for name, policy in policies.items():
        labels = pods[name]["metadata"]["labels"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
        assert "Ingress" in policy["spec"]["policyTypes"]
        ports = {port["name"] for each in pods[name]["spec"]["containers"] for port in each["ports"]}
        assert set(_allowed(policy)) <= ports
    assert not [each for each in render("networkPolicy.enabled=false") if each["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize(
    ("name", "values", "port", "peers"),
    [
        ("webhook", [], "https", None),
        ("webhook", _POLICY_VALUES, "https", [{"cidr": "10.0.0.1/32"}]),
        ("webhook", _POLICY_VALUES, "health", [{"cidr": "10.1.0.0/16"}]),
        ("broker", [*_POLICY_VALUES, "nodePlugin.hostNetwork=true"], "https", [{"cidr": "10.2.0.0/16"}]),
        ("broker", ["nodePlugin.hostNetwork=true"], "https", None),
        (
            "scheduler",
            [*_POLICY_VALUES, _CLUSTER_MODE, 'scheduler.extender="service"'],
            "extender",
            [{"cidr": "10.0.0.1/32"}],
        ),
        ("scheduler", _POLICY_VALUES, "metrics", [{"cidr": "10.1.0.0/16"}]),
        ("operator", _POLICY_VALUES, "health", [{"cidr": "10.1.0.0/16"}]),
        ("node-plugin", _POLICY_VALUES, "health", [{"cidr": "10.1.0.0/16"}]),
    ],
)
def test_who_may_reach_a_port(render: Render, name: str, values: list[str], port: str, peers: list[Any] | None) -> None:
    """Addresses that a chart can't know are the platform's to give; without them the port is open to any."""
    assert _allowed(_one(render(*values), "NetworkPolicy", f"moorage-{name}"))[port] == peers


def test_only_node_plugins_may_reach_the_broker(render: Render) -> None:
    """By the labels of their pods."""
    manifests = render()
    (peer,) = _allowed(_one(manifests, "NetworkPolicy", "moorage-broker"))["https"] or []
    wanted = peer["podSelector"]["matchLabels"].items()
    assert [name for name, pod in _pods(manifests).items() if wanted <= pod["metadata"]["labels"].items()] == [
        "moorage-node-plugin"
    ]


def test_only_node_plugins_may_reach_the_copies_of_nodes(render: Render) -> None:
    """By the labels of their pods, at the port that the program listens at; without neighbours there is none."""
    manifests = render()
    (peer,) = _allowed(_one(manifests, "NetworkPolicy", "moorage-node-plugin"))["neighbours"] or []
    wanted = peer["podSelector"]["matchLabels"].items()
    assert [name for name, pod in _pods(manifests).items() if wanted <= pod["metadata"]["labels"].items()] == [
        "moorage-node-plugin"
    ]
    container = _containers(manifests)["node-plugin"]
    environment = {each["name"]: each.get("value", "10.0.0.7") for each in container["env"]}
    read = settings.read(NodePluginSettings, environment)
    port = next(each["containerPort"] for each in container["ports"] if each["name"] == "neighbours")
    assert (read.neighbour_address, read.neighbour_bytes_per_second) == (f"10.0.0.7:{port}", 200_000_000)
    without = render("nodePlugin.cache.neighbours.enabled=false")
    assert "neighbours" not in _allowed(_one(without, "NetworkPolicy", "moorage-node-plugin"))
    assert "MOORAGE_POD_ADDRESS" not in {each["name"] for each in _containers(without)["node-plugin"]["env"]}


def test_the_extender_beside_its_scheduler_is_reached_by_nobody(render: Render) -> None:
    """It listens on loopback, and its port is in no policy."""
    assert set(_allowed(_one(render(), "NetworkPolicy", "moorage-scheduler"))) == {"health", "metrics"}


def test_evidence_is_kept_where_the_operator_says(render: Render) -> None:
    """Broker and webhook can read the value, may reach the store, and may write their keys and heads."""
    store = {"endpoint": "https://s3.test", "bucket": "evidence", "secretRef": {"name": "keys"}}
    manifests = render(f"evidence.store={json.dumps(store)}", "evidence.retentionDays=30")
    known: dict[str, type[BrokerSettings | WebhookSettings]] = {"broker": BrokerSettings, "webhook": WebhookSettings}
    for component, kind_of_settings in known.items():
        environment = {each["name"]: each.get("value", "") for each in _containers(manifests)[component]["env"]}
        read = settings.read(kind_of_settings, environment)
        assert read.evidence_store is not None
        assert read.evidence_store.write() == store
        assert (read.evidence_retention.days, read.evidence_retention.mode) == (30, "GOVERNANCE")
        assert "Egress" not in _one(manifests, "NetworkPolicy", f"moorage-{component}")["spec"]["policyTypes"]
        assert "Egress" in _one(render(), "NetworkPolicy", f"moorage-{component}")["spec"]["policyTypes"]
        assert settings.read(kind_of_settings, {}).evidence_store is None
        for kind, plural in (("Secret", "secrets"), ("ConfigMap", "configmaps")):
            name = f"moorage-{component}-evidence"
            assert "data" not in _one(manifests, kind, name)
            rules = _one(manifests, "Role", f"moorage-{component}")["rules"]
            (rule,) = [each for each in rules if each["resources"] == [plural] and name in each["resourceNames"]]
            assert {"get", "update", "patch"} <= set(rule["verbs"])
    rules = _one(manifests, "Role", "moorage-webhook")["rules"]
    assert [each["verbs"] for each in rules if each["resourceNames"] == ["keys"]] == [["get"]]


@pytest.mark.parametrize(
    "value",
    [
        'evidence.store={"bucket":"x"}',
        'evidence.store={"bucket":"x","endpoint":"s3.test"}',
        'evidence.store={"bucket":"x","endpoint":"https://s3.test","secret":"x"}',
        'evidence.lockMode="none"',
        "evidence.retentionDays=-1",
    ],
)
def test_a_store_of_evidence_that_is_none_is_refused(helm: Path, value: str) -> None:
    """By helm, before a broker could fail to start."""
    done = subprocess.run(
        [helm, "template", "moorage", CHART, "--set-json", value], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "/evidence" in done.stderr


def test_what_is_sure_of_egress_is_limited(render: Render) -> None:
    """API servers and DNS for those who need no more; stores and the broker may be anywhere."""
    for policy in (each for each in render(*_POLICY_VALUES) if each["kind"] == "NetworkPolicy"):
        if policy["metadata"]["name"] in {"moorage-operator", "moorage-node-plugin"}:
            assert policy["spec"]["policyTypes"] == ["Ingress"]
            continue
        to_api_servers, to_dns = policy["spec"]["egress"]
        assert to_api_servers["to"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
        assert {443, 6443} <= {each["port"] for each in to_api_servers["ports"]}
        assert {each["port"] for each in to_dns["ports"]} == {53, 5353}


def test_the_webhook_asks_for_client_certificates_where_told(render: Render) -> None:
    """The authority is mounted where the webhook looks for it."""
    variables = {each["name"] for each in _containers(render())["webhook"]["env"]}
    assert not variables & {"MOORAGE_CLIENT_CA_FILE", "MOORAGE_CLIENT_NAMES"}
    manifests = render('webhook.clientAuth={"configMap":"clients","names":["kube-apiserver","other"]}')
    container = _containers(manifests)["webhook"]
    known = settings.read(WebhookSettings, {each["name"]: each["value"] for each in container["env"]})
    assert known.client_names == ("kube-apiserver", "other")
    assert known.client_ca_file is not None
    (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == str(known.client_ca_file.parent)]
    (volume,) = [
        each for each in _pods(manifests)["moorage-webhook"]["spec"]["volumes"] if each["name"] == mount["name"]
    ]
    assert volume["configMap"]["name"] == "clients"


def test_tokens_for_stores_are_asked_for_where_there_is_an_audience(render: Render) -> None:
    """By the driver for pods, by the operator for itself, and refused to everybody else; by default there are none."""
    without, manifests = render(), render('webIdentity.audience="stores"', "webIdentity.tokenSeconds=900")
    driver = _one(manifests, "CSIDriver", "data.moorage.dev")["spec"]
    asked = {"tokenRequests": [{"audience": "stores", "expirationSeconds": 900}], "requiresRepublish": True}
    assert driver.items() >= asked.items()
    assert _one(without, "CSIDriver", "data.moorage.dev")["spec"]["requiresRepublish"] is False
    plugin = {each["name"]: each.get("value") for each in _containers(manifests)["node-plugin"]["env"]}
    assert plugin["MOORAGE_WEB_IDENTITY_AUDIENCE"] == "stores"
    operator = {each["name"]: each.get("value", "") for each in _containers(manifests)["operator"]["env"]}
    file = Path(operator["MOORAGE_WEB_IDENTITY_TOKEN_FILE"])
    (mount,) = [each for each in _containers(manifests)["operator"]["volumeMounts"] if each["name"] == "store-token"]
    (volume,) = [
        each for each in _pods(manifests)["moorage-operator"]["spec"]["volumes"] if each["name"] == "store-token"
    ]
    token = {"serviceAccountToken": {"audience": "stores", "expirationSeconds": 900, "path": file.name}}
    assert (mount["mountPath"], volume["projected"]["sources"]) == (str(file.parent), [token])
    guards = {"moorage-tokens-of-pods", "moorage-tokens-of-accounts"}
    assert not [each for each in (*plugin, *operator) if each == "MOORAGE_WEB_IDENTITY_ROLES"]
    for chart, found in ((without, set()), (manifests, guards)):
        policies = {each["metadata"]["name"] for each in chart if each["kind"] == "ValidatingAdmissionPolicy"}
        assert policies & guards == found


def test_the_roles_that_tokens_are_for_reach_those_who_exchange_them(render: Render) -> None:
    """As they are written, and in a form that both can read."""
    role = {"roleARN": "arn:aws:iam::1:role/r", "endpoint": "https://sts.test", "namespaces": ["a", "b"]}
    manifests = render('webIdentity.audience="stores"', f"webIdentity.roles={json.dumps([role])}")
    permitted = (
        PermittedRole(role_arn="arn:aws:iam::1:role/r", endpoint="https://sts.test", namespaces=frozenset("ab")),
    )
    known: dict[str, type[OperatorSettings | NodePluginSettings]]
    known = {"operator": OperatorSettings, "node-plugin": NodePluginSettings}
    for container, kind_of_settings in known.items():
        given = {each["name"]: each.get("value", "from-the-pod") for each in _containers(manifests)[container]["env"]}
        assert settings.read(kind_of_settings, given).web_identity_roles == permitted
