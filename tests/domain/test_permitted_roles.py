"""Which roles a token may be exchanged for: the platform's list, and what is no list. Pure."""

import json
from dataclasses import replace

import pytest

from dataset_operator.settings import OperatorSettings
from moorage.errors import SettingError
from moorage.settings import read
from moorage.sources.permitted_roles import (
    PermittedRole,
    is_permitted,
    parse_permitted_roles,
    permission_problem,
)
from moorage.sources.web_identity import SessionRequest
from node_plugin.settings import NodePluginSettings

STS = "https://sts.eu-1.test"
FLIGHTS = {"roleARN": "arn:flights", "endpoint": f"{STS}/", "namespaces": ["delays-team", "research"]}
ASKED = SessionRequest(
    endpoint=STS, named_in="s3.endpoint", ca_bundle=None, role_arn="arn:flights", seconds=900, policy="{}"
)


def listed(**changes: object) -> str:
    """A list with one role, as the chart writes it."""
    return json.dumps({"roles": [{**FLIGHTS, **changes}]})


@pytest.mark.parametrize(
    ("namespace", "changes", "permitted"),
    [
        ("delays-team", {}, True),
        ("research", {}, True),
        ("research-2", {}, False),
        ("delays-team", {"role_arn": "arn:payroll"}, False),
        ("delays-team", {"endpoint": "https://evil.test"}, False),
        ("delays-team", {"endpoint": f"{STS}.evil.test"}, False),
        ("delays-team", {"endpoint": f"{STS}/elsewhere"}, False),
        ("delays-team", {"endpoint": f"{STS}:8443"}, False),
    ],
)
def test_role_and_url_and_namespace_belong_together(namespace: str, changes: dict[str, str], permitted: bool) -> None:  # noqa: FBT001
    """Each of them decides, exactly; and what is refused is told with all of them, and with who can permit it."""
    roles, asked = parse_permitted_roles(listed()), replace(ASKED, **changes)  # type: ignore[arg-type]
    assert is_permitted(roles, namespace, asked) is permitted
    problem = permission_problem(roles, namespace, asked)
    assert (problem is None) is permitted
    for word in () if problem is None else (namespace, asked.role_arn, asked.endpoint, "webIdentity.roles"):
        assert word in str(problem)


def test_no_role_of_one_entry_goes_to_the_url_of_another() -> None:
    """Entries are not mixed, and no list permits nothing."""
    other = PermittedRole("arn:payroll", "https://payroll.test", frozenset({"payroll"}))
    roles = (*parse_permitted_roles(listed()), other)
    assert is_permitted(roles, "payroll", replace(ASKED, role_arn="arn:payroll", endpoint="https://payroll.test"))
    assert not is_permitted(roles, "payroll", ASKED)
    assert not is_permitted(roles, "delays-team", replace(ASKED, endpoint="https://payroll.test"))
    assert not is_permitted((), "delays-team", ASKED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "document must be a JSON object"),
        ("{", "document is not JSON"),
        ('{"rolls": []}', "rolls is not a field here"),
        (listed(roleARN=""), "roles[0].roleARN is required"),
        (listed(endpoint="http://sts.test"), "roles[0].endpoint must begin with https://"),
        (listed(endpoint="sts.test"), "roles[0].endpoint must begin with"),
        (listed(namespaces=[]), "roles[0].namespaces must have at least one"),
        (listed(namespaces=None), "roles[0].namespaces is required"),
        (listed(namespaces=["*"]), "roles[0].namespaces '*' is not a namespace's name"),
        (listed(namespaces=["a"] * 257), "roles[0].namespaces must have at most 256"),
        (listed(audience="x"), "roles[0].audience is not a field here"),
        (json.dumps({"roles": [FLIGHTS] * 257}), "roles must have at most 256"),
        (listed(roleARN="x" * 100_000), "document must have at most 98304 bytes"),
    ],
)
def test_what_is_no_list_is_a_sentence(text: str, told: str) -> None:
    """Of operator and node plugin, at their start; it names the variable and is not long, whatever the value is."""
    node = {"MOORAGE_NODE_NAME": "n"}
    for settings, more in ((OperatorSettings, {}), (NodePluginSettings, node)):
        with pytest.raises(SettingError) as caught:
            read(settings, {**more, "MOORAGE_WEB_IDENTITY_ROLES": text})
        assert caught.value.field == "MOORAGE_WEB_IDENTITY_ROLES"
        assert told in str(caught.value)
        assert len(str(caught.value)) < 1000
