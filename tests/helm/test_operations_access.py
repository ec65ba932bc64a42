"""Rights of the deploy step, secrets out of a vault, and queues."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from custom_kinds import problems

V100 = {"product": "Tesla-V100-SXM2-32GB", "gpus": 1, "cpu": 8, "memory": "64Gi"}
VAULT = {
    "enabled": True,
    "store": {"name": "vault"},
    "secrets": [
        {
            "name": "s3",
            "annotations": {"serving.kserve.io/s3-endpoint": "minio.minio:9000"},
            "data": [
                {"key": "AWS_ACCESS_KEY_ID", "remoteKey": "sluice/s3", "property": "id"},
                {"key": "AWS_SECRET_ACCESS_KEY", "remoteKey": "sluice/s3", "property": "secret"},
            ],
        },
        {"name": "readings-db", "data": [{"key": "url", "remoteKey": "sluice/readings"}]},
    ],
}


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


def test_the_deploy_step_reads_its_service_and_its_endpoints_and_nothing_else(chart: Any) -> None:
    (role,) = of_kind(chart.render(), "Role")
    assert role["rules"] == [
        {
            "apiGroups": ["serving.kserve.io"],
            "resources": ["inferenceservices"],
            "resourceNames": ["reservoir"],
            "verbs": ["get", "watch"],
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
    ]
    assert not of_kind(chart.render(), "ClusterRole")
    assert not of_kind(chart.render(), "ClusterRoleBinding")


def test_the_accounts_of_runs_get_these_rights(chart: Any) -> None:
    values = {"rbac": {"serviceAccounts": ["pipeline-runner", "default-editor"]}}
    (binding,) = of_kind(chart.render(values), "RoleBinding")
    # Without a namespace, subjects are of the binding's own.
    assert binding["metadata"]["namespace"] == "forecasts"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "pipeline-runner"},
        {"kind": "ServiceAccount", "name": "default-editor"},
    ]
    assert binding["roleRef"]["name"] == "demo-sluice-deploy"


def test_accounts_are_made_only_where_told(chart: Any) -> None:
    def accounts(values: dict[str, Any]) -> set[str]:
        return {each["metadata"]["name"] for each in of_kind(chart.render(values), "ServiceAccount")}

    assert accounts({}) == {"demo-sluice-serving"}
    values = {"rbac": {"create": True, "serviceAccounts": ["one", "two"]}}
    assert accounts(values) == {"demo-sluice-serving", "one", "two"}
    assert not of_kind(chart.render({"rbac": {"enabled": False}}), "Role")


def test_secrets_come_from_a_vault_under_the_names_that_values_use(chart: Any) -> None:
    found = of_kind(chart.render({"externalSecrets": VAULT}), "ExternalSecret")
    assert [each["metadata"]["name"] for each in found] == ["s3", "readings-db"]
    assert not [problem for each in found for problem in problems(each)]
    s3 = found[0]["spec"]
    assert s3["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert s3["target"]["template"]["metadata"]["annotations"] == {"serving.kserve.io/s3-endpoint": "minio.minio:9000"}
    assert s3["data"][0] == {"secretKey": "AWS_ACCESS_KEY_ID", "remoteRef": {"key": "sluice/s3", "property": "id"}}


def test_a_queue_admits_each_product_up_to_its_share(chart: Any) -> None:
    more = {"product": "Tesla-V100-PCIE-16GB", "gpus": 1, "cpu": "4", "memory": "32Gi"}
    tolerated = {"key": "dedicated", "operator": "Equal", "value": "old", "effect": "NoSchedule"}
    values = {
        "gpu": {"productTolerations": {"Tesla-V100-PCIE-16GB": [tolerated]}},
        "kueue": {"enabled": True, "flavors": [V100, more], "cohort": "water"},
    }
    objects = chart.render(values)
    flavors = of_kind(objects, "ResourceFlavor")
    (queue,), (local,) = of_kind(objects, "ClusterQueue"), of_kind(objects, "LocalQueue")
    assert not [problem for each in (*flavors, queue, local) for problem in problems(each)]
    assert [each["spec"]["nodeLabels"] for each in flavors] == [
        {"nvidia.com/gpu.product": "Tesla-V100-SXM2-32GB"},
        {"nvidia.com/gpu.product": "Tesla-V100-PCIE-16GB"},
    ]
    assert tolerated in flavors[1]["spec"]["tolerations"]
    assert tolerated not in flavors[0]["spec"]["tolerations"]
    (group,) = queue["spec"]["resourceGroups"]
    assert [each["name"] for each in group["flavors"]] == [each["metadata"]["name"] for each in flavors]
    for flavor in group["flavors"]:
        assert [each["name"] for each in flavor["resources"]] == group["coveredResources"]
    assert queue["spec"]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "forecasts"}
    classes = {each["metadata"]["name"]: each for each in of_kind(objects, "WorkloadPriorityClass")}
    assert not [problem for each in classes.values() for problem in problems(each)]
    assert {name: each["value"] for name, each in classes.items()} == {
        each["metadata"]["name"]: each["value"]
        for each in of_kind(objects, "PriorityClass")
        if not each["metadata"]["name"].endswith("-serving")
    }
    assert local["spec"]["clusterQueue"] == queue["metadata"]["name"]
    assert local["metadata"]["namespace"] == "forecasts"
    assert "namespace" not in queue["metadata"]


def test_both_are_off_by_default(chart: Any) -> None:
    kinds = {each["kind"] for each in chart.render()}
    assert not kinds & {"ExternalSecret", "ClusterQueue", "LocalQueue", "ResourceFlavor", "WorkloadPriorityClass"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rbac": {"serviceAccounts": []}}, "/rbac/serviceAccounts"),
        ({"externalSecrets": VAULT | {"store": {}}}, "externalSecrets.store.name is empty"),
        ({"externalSecrets": VAULT | {"secrets": []}}, "externalSecrets.secrets is empty"),
        ({"externalSecrets": VAULT | {"secrets": [{"name": "a", "data": []}]}}, "/externalSecrets/secrets/0/data"),
        ({"externalSecrets": VAULT | {"store": {"name": "v", "kind": "Store"}}}, "/externalSecrets/store/kind"),
        ({"kueue": {"enabled": True}}, "kueue.flavors is empty"),
        ({"kueue": {"enabled": True, "flavors": [V100 | {"product": "A100"}]}}, "which is none of gpu.products"),
        ({"kueue": {"enabled": True, "flavors": [V100 | {"gpus": 3}]}}, "kueue.flavors admit 3 GPUs"),
        ({"kueue": {"enabled": True, "flavors": [{"product": "A100"}]}}, "missing properties"),
    ],
)
def test_what_cannot_work_is_refused(chart: Any, values: dict[str, Any], said: str) -> None:
    assert said in chart.refusal(values)


def test_a_schema_refuses_unknown_fields_and_wrong_types(chart: Any) -> None:
    (queue,) = of_kind(chart.render({"kueue": {"enabled": True, "flavors": [V100]}}), "ClusterQueue")
    queue["spec"] |= {"cohort": "old-name", "queueingStrategy": "Random"}
    found = " ".join(problems(queue))
    assert "cohort" in found
    assert "Random" in found
