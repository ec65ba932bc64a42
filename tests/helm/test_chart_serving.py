"""The serving templates of the chart: every template, every switch."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from serving.server.security import is_open_path
from serving.tfserving import monitoring
from serving.tfserving.batching import BatchingParameters
from serving.tfserving.config import ConfigFiles, TfServingOptions

MODELS = Path("/mnt/models")
CONFIG = Path("/etc/sluice")


def one(objects: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    """The only object of a kind, or the only one with a name."""
    found = [each for each in objects if each["kind"] == kind and name in ("", each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def kinds(objects: list[dict[str, Any]]) -> set[str]:
    return {each["kind"] for each in objects}


def claims(objects: list[dict[str, Any]]) -> set[str]:
    return {each["metadata"]["name"] for each in objects if each["kind"] == "PersistentVolumeClaim"}


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The predictor's container, of the runtime."""
    return dict(one(objects, "ServingRuntime")["spec"]["containers"][0])


def predictor(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return dict(one(objects, "InferenceService")["spec"]["predictor"])


def named(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in items}


def options(**changes: Any) -> TfServingOptions:
    """What the chart's default values mean in Python."""
    default: dict[str, Any] = {
        "binary": Path("/usr/bin/tensorflow_model_server"),
        "store_root": MODELS,
        "grpc_port": 9000,
        "rest_port": 8080,
        "gpu_memory_fraction": 0.6,
        "batching": BatchingParameters((1, 8, 32, 128)),
    }
    return TfServingOptions(**(default | changes))


def arguments(given: TfServingOptions) -> list[str]:
    """Command line of the container."""
    files = ConfigFiles(
        MODELS / "models.config",
        CONFIG / monitoring.FILE_NAME,
        CONFIG / "batching.config" if given.batching else None,
    )
    return [str(given.binary), *given.arguments(files)]


def test_tensorflow_serving_gets_the_flags_of_our_own_process(chart: Any) -> None:
    assert container(chart.render())["args"] == arguments(options())


def test_values_of_tensorflow_serving_become_its_flags(chart: Any) -> None:
    own = {
        "pollSeconds": 7,
        "restTimeoutMs": 1000,
        "grpcMaxThreads": 8,
        "gpuMemoryFraction": 0.25,
        "intraOpThreads": 3,
        "interOpThreads": 2,
        "batching": {"enabled": False},
    }
    wanted = options(
        poll_seconds=7,
        rest_timeout_ms=1000,
        grpc_max_threads=8,
        gpu_memory_fraction=0.25,
        intra_op_threads=3,
        inter_op_threads=2,
        batching=None,
    )
    objects = chart.render({"serving": {"tfserving": own}})
    assert container(objects)["args"] == arguments(wanted)
    assert set(one(objects, "ConfigMap", "demo-sluice-tfserving")["data"]) == {monitoring.FILE_NAME}


@pytest.mark.parametrize("sizes", [[1], [1, 4, 4096], [2, 16]])
def test_config_files_are_those_that_our_own_process_writes(chart: Any, sizes: list[int]) -> None:
    values = {
        "allowedBatchSizes": sizes,
        "batchTimeoutMicros": 500,
        "numBatchThreads": 3,
        "maxEnqueuedBatches": 9,
        "maxBatchSize": 4096,
    }
    objects = chart.render({"serving": {"tfserving": {"batching": values}}})
    data = one(objects, "ConfigMap", "demo-sluice-tfserving")["data"]
    parameters = BatchingParameters(tuple(sizes), 500, 3, 9, 4096)
    assert data == {"monitoring.config": monitoring.monitoring_text(), "batching.config": parameters.text()}


def test_changed_config_files_replace_the_pods(chart: Any) -> None:
    before = predictor(chart.render())["annotations"]
    after = predictor(chart.render({"serving": {"tfserving": {"batching": {"numBatchThreads": 4}}}}))["annotations"]
    assert before != after


def test_without_a_card_tensorflow_serving_takes_no_share_of_it(chart: Any) -> None:
    objects = chart.render({"serving": {"runtime": "tfserving"}}, profile="cpu")
    assert container(objects)["image"] == "tensorflow/serving:2.20.0"
    assert not [flag for flag in container(objects)["args"] if "gpu_memory" in flag]
    assert "nvidia.com/gpu" not in predictor(objects)["model"]["resources"]["limits"]
    assert not {"affinity", "tolerations"} & set(predictor(objects))


def test_the_runtime_has_both_ports_rest_first(chart: Any) -> None:
    ports = container(chart.render())["ports"]
    assert [(port["name"], port["containerPort"]) for port in ports] == [("http", 8080), ("grpc-predict", 9000)]


def test_readiness_asks_for_the_loaded_model(chart: Any) -> None:
    objects = chart.render({"serving": {"model": "weir_2"}})
    assert container(objects)["readinessProbe"]["httpGet"] == {"path": "/v1/models/weir_2/metadata", "port": 8080}
    front = one(objects, "InferenceService")["spec"]["transformer"]["containers"][0]
    assert front["readinessProbe"]["httpGet"] == {"path": "/v2/models/weir_2/ready", "port": 8080}


def test_the_service_is_named_as_the_model_where_kubernetes_allows_it(chart: Any) -> None:
    assert one(chart.render({"serving": {"model": "weir_2"}}), "InferenceService")["metadata"]["name"] == "weir-2"
    assert one(chart.render({"serving": {"name": "level"}}), "InferenceService")["metadata"]["name"] == "level"


def test_metrics_are_where_the_annotations_say(chart: Any) -> None:
    annotations = one(chart.render(), "ServingRuntime")["spec"]["annotations"]
    assert annotations["prometheus.io/path"] == monitoring.PATH
    assert annotations["prometheus.io/port"] == "8080"


def test_the_mode_is_said_and_nothing_scales_a_gpu(chart: Any) -> None:
    service = one(chart.render(), "InferenceService")
    assert service["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
    }
    assert predictor(chart.render())["deploymentStrategy"] == {"type": "Recreate"}


def test_pods_with_a_gpu_land_on_the_products_named(chart: Any) -> None:
    wanted = {
        "gpu": {
            "products": ["Tesla-V100-SXM2-32GB", "NVIDIA-A30"],
            "productTolerations": {
                "NVIDIA-A30": [{"key": "a30", "operator": "Exists"}],
                "NVIDIA-T4": [{"key": "t4", "operator": "Exists"}],
            },
        }
    }
    spec = predictor(chart.render(wanted))
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [
        {
            "matchExpressions": [
                {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["Tesla-V100-SXM2-32GB", "NVIDIA-A30"]}
            ]
        }
    ]
    assert [toleration["key"] for toleration in spec["tolerations"]] == ["nvidia.com/gpu", "a30"]
    assert spec["model"]["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert spec["model"]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_runtime_class_and_node_selector_reach_the_pods(chart: Any) -> None:
    spec = predictor(chart.render({"gpu": {"runtimeClassName": "nvidia"}, "serving": {"nodeSelector": {"zone": "a"}}}))
    assert (spec["runtimeClassName"], spec["nodeSelector"]) == ("nvidia", {"zone": "a"})


def test_a_roll_without_surge_is_taken_on_a_full_card(chart: Any) -> None:
    spec = predictor(chart.render({"serving": {"strategy": "RollingUpdate", "maxSurge": 0}}))
    assert spec["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_on_cpu_kserve_scales_the_predictor_and_pods_roll(chart: Any) -> None:
    objects = chart.render({"autoscaling": {"maxReplicas": 3, "metric": "memory", "target": 60}}, profile="cpu")
    spec = predictor(objects)
    assert [spec[key] for key in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")] == [1, 3, "memory", 60]
    assert spec["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    service = one(objects, "InferenceService")
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"
    assert "HorizontalPodAutoscaler" not in kinds(objects)


def test_the_in_process_server_runs_in_our_image_without_a_transformer(chart: Any) -> None:
    objects = chart.render({"serving": {"maxAgeSeconds": 600, "keysSecret": ""}}, profile="cpu")
    own = container(objects)
    assert own["image"] == "sluice-python:0.1.0"
    assert own["args"][:3] == ["sluice", "serve", "--store=/mnt/models"]
    assert "--max-age-seconds=600" in own["args"]
    assert [port["containerPort"] for port in own["ports"]] == [8080, 8081, 8500]
    assert "transformer" not in one(objects, "InferenceService")["spec"]
    assert predictor(objects)["model"]["protocolVersion"] == "v2"


def test_every_argument_of_the_in_process_server_is_known_to_it(chart: Any) -> None:
    from typer.main import get_command

    from pipelines.cli.main import app

    objects = chart.render(
        {"serving": {"maxAgeSeconds": 600, "keysSecret": "keys"}, "tests": {"keySecret": "key"}}, "cpu"
    )
    command = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    known = {name for parameter in command.params for name in parameter.opts}
    given = [argument.split("=")[0] for argument in container(objects)["args"][2:]]
    assert set(given) <= known
    assert len(set(given)) == len(given)


def test_every_argument_of_the_transformer_is_known_to_it(chart: Any) -> None:
    from serving.transformer.__main__ import parse

    objects = chart.render({"serving": {"maxAgeSeconds": 600, "keysSecret": "keys"}, "tests": {"keySecret": "key"}})
    front = one(objects, "InferenceService")["spec"]["transformer"]["containers"][0]
    assert front["command"] == ["python", "-m", "serving.transformer"]
    found = parse([*front["args"], "--predictor_host", "weir-predictor.forecasts"])
    assert (found.store, found.target, found.max_age_seconds) == (MODELS, "weir-predictor.forecasts:9000", 600)
    assert [found.http_port, found.grpc_port, found.predict_port] == [8080, 8081, 8500]
    assert found.security.keys == Path("/etc/sluice/keys/keys")


def test_with_keys_probes_ask_where_no_key_is_needed(chart: Any) -> None:
    objects = chart.render({"serving": {"keysSecret": "keys"}, "tests": {"keySecret": "key"}})
    spec = one(objects, "InferenceService")["spec"]["transformer"]
    front = spec["containers"][0]
    for probe in ("readinessProbe", "livenessProbe"):
        assert is_open_path(front[probe]["httpGet"]["path"])
    assert named(spec["volumes"])["keys"]["secret"]["secretName"] == "keys"
    asking = one(objects, "Pod", "demo-sluice-test-rest")["spec"]["containers"][0]
    assert named(asking["env"])["SLUICE_API_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "key", "key": "key"}


def test_the_claim_is_mounted_itself_and_outlives_the_release(chart: Any) -> None:
    objects = chart.render({"store": {"pvc": {"size": "5Gi", "storageClassName": "fast", "path": "water/store"}}})
    claim = one(objects, "PersistentVolumeClaim", "demo-sluice-store")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    uri = "pvc://demo-sluice-store/water/store"
    assert predictor(objects)["model"]["storageUri"] == uri
    front = one(objects, "InferenceService")["spec"]["transformer"]["containers"][0]
    assert front["name"] == "kserve-container"  # where KServe mounts a store
    assert named(front["env"])["STORAGE_URI"]["value"] == uri


def test_a_claim_of_ones_own_is_named(chart: Any) -> None:
    objects = chart.render({"store": {"pvc": {"create": False, "name": "models"}}})
    assert claims(objects) == {"demo-sluice-work"}
    assert predictor(objects)["model"]["storageUri"] == "pvc://models"


def test_s3_is_read_with_the_secret_of_the_service_account(chart: Any) -> None:
    network = {"serving": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.7/32"}}]}]}}
    store = {"kind": "s3", "s3": {"uri": "s3://models/water", "secretName": "bucket"}}
    objects = chart.render({"store": store, "networkPolicy": network})
    assert claims(objects) == {"demo-sluice-work"}
    assert predictor(objects)["model"]["storageUri"] == "s3://models/water"
    account = one(objects, "ServiceAccount", "demo-sluice-serving")
    assert account["secrets"] == [{"name": "bucket"}]
    assert predictor(objects)["serviceAccountName"] == "demo-sluice-serving"


def test_a_service_account_of_ones_own_is_named(chart: Any) -> None:
    objects = chart.render({"serviceAccount": {"create": False, "name": "mine"}})
    accounts = [each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"]
    assert "demo-sluice-serving" not in accounts
    assert predictor(objects)["serviceAccountName"] == "mine"
    roles = chart.render({"serviceAccount": {"annotations": {"role": "reader"}}})
    assert one(roles, "ServiceAccount", "demo-sluice-serving")["metadata"]["annotations"] == {"role": "reader"}


def test_drains_spare_each_component(chart: Any) -> None:
    objects = chart.render({"podDisruptionBudget": {"maxUnavailable": 2}})
    budgets = [each for each in objects if each["kind"] == "PodDisruptionBudget"]
    selected = [each["spec"]["selector"]["matchLabels"] for each in budgets]
    service = {"serving.kserve.io/inferenceservice": "reservoir"}
    assert selected == [service | {"component": "predictor"}, service | {"component": "transformer"}]
    assert {each["spec"]["maxUnavailable"] for each in budgets} == {2}
    without = chart.render({"podDisruptionBudget": {"enabled": False}})
    assert "PodDisruptionBudget" not in kinds(without)


ROUTES = {
    "gateway": {"name": "edge", "namespace": "gateways"},
    "http": {"enabled": True, "hosts": ["levels.example.org"]},
    "grpc": {"enabled": True, "hosts": ["grpc.levels.example.org"]},
}


def test_routes_lead_to_the_transformer(chart: Any) -> None:
    objects = chart.render({"routes": ROUTES})
    rest, grpc = one(objects, "HTTPRoute")["spec"], one(objects, "GRPCRoute")["spec"]
    assert rest["parentRefs"] == grpc["parentRefs"] == [{"name": "edge", "namespace": "gateways"}]
    assert rest["rules"][0]["backendRefs"] == [{"name": "reservoir-transformer", "port": 80}]
    ways = {rule["matches"][0]["method"]["service"]: rule["backendRefs"][0] for rule in grpc["rules"]}
    assert ways == {
        "tensorflow.serving.PredictionService": {"name": "reservoir-transformer", "port": 8500},
        "inference.GRPCInferenceService": {"name": "reservoir-transformer", "port": 8081},
    }


def test_without_a_transformer_routes_lead_to_tensorflow_serving_but_not_to_its_model_service(chart: Any) -> None:
    objects = chart.render(
        {
            "routes": ROUTES,
            "transformer": {"enabled": False},
            "networkPolicy": {"callersReachModelService": True},
        }
    )
    rules = one(objects, "GRPCRoute")["spec"]["rules"]
    assert [rule["matches"] for rule in rules] == [
        [{"method": {"type": "Exact", "service": "tensorflow.serving.PredictionService"}}]
    ]
    assert rules[0]["backendRefs"] == [{"name": "reservoir-predictor", "port": 9000}]
    paths = [match["path"]["value"] for match in one(objects, "HTTPRoute")["spec"]["rules"][0]["matches"]]
    assert paths == ["/v1"]


def test_routes_are_off_by_default(chart: Any) -> None:
    assert not {"HTTPRoute", "GRPCRoute"} & kinds(chart.render())


def test_helm_test_asks_by_rest_and_by_grpc(chart: Any) -> None:
    front = {
        each["metadata"]["name"]: each["spec"]["containers"][0]["args"]
        for each in chart.render()
        if each["kind"] == "Pod"
    }
    assert front == {
        "demo-sluice-test-rest": ["http://reservoir-transformer.forecasts", "v2", "reservoir", "120"],
        "demo-sluice-test-grpc": ["grpc://reservoir-transformer.forecasts:8500", "tfserving", "reservoir", "120"],
    }
    bare = [
        each["spec"]["containers"][0]["args"][:2]
        for each in chart.render({"transformer": {"enabled": False}})
        if each["kind"] == "Pod"
    ]
    assert sorted(bare) == [
        ["grpc://reservoir-predictor.forecasts:9000", "tfserving"],
        ["http://reservoir-predictor.forecasts", "v1"],
    ]
    assert "Pod" not in kinds(chart.render({"tests": {"enabled": False}}))


def test_knative_gets_one_port_and_the_canary(chart: Any) -> None:
    knative = {
        "networkPolicy": {"enabled": False},
        "serving": {"deploymentMode": "Knative", "canaryTrafficPercent": 10},
        "transformer": {"enabled": False},
    }
    objects = chart.render(knative)
    assert predictor(objects)["canaryTrafficPercent"] == 10
    assert "deploymentStrategy" not in predictor(objects)
    assert [port["containerPort"] for port in container(objects)["ports"]] == [8080]
    assert [each["metadata"]["name"] for each in objects if each["kind"] == "Pod"] == ["demo-sluice-test-rest"]


def test_serving_can_be_left_out(chart: Any) -> None:
    objects = chart.render({"serving": {"enabled": False}})
    assert not {"InferenceService", "ServingRuntime", "PodDisruptionBudget", "Pod"} & kinds(objects)
    assert "PersistentVolumeClaim" in kinds(objects)


def test_images_come_by_tag_or_digest_with_pull_secrets(chart: Any) -> None:
    digest = "sha256:" + "a" * 64
    image = {"repository": "mirror/sluice", "digest": digest, "pullPolicy": "Always", "pullSecrets": ["pull"]}
    objects = chart.render({"image": image})
    spec = one(objects, "InferenceService")["spec"]["transformer"]
    assert spec["containers"][0]["image"] == f"mirror/sluice@{digest}"
    assert spec["containers"][0]["imagePullPolicy"] == "Always"
    for pod in (spec, one(objects, "ServingRuntime")["spec"], one(objects, "Pod", "demo-sluice-test-rest")["spec"]):
        assert pod["imagePullSecrets"] == [{"name": "pull"}]
    tagged = chart.render({"image": {"tag": "0.2.0"}})
    assert one(tagged, "InferenceService")["spec"]["transformer"]["containers"][0]["image"] == "sluice-python:0.2.0"


def test_the_chart_version_does_not_reach_the_pods(chart: Any) -> None:
    service = one(chart.render(), "InferenceService")
    labels = service["metadata"]["labels"] | service["spec"]["predictor"]["labels"]
    assert not [key for key in labels if key in ("helm.sh/chart", "app.kubernetes.io/version")]


def test_serving_has_the_priority_of_the_chart_or_of_ones_own(chart: Any) -> None:
    objects = chart.render()
    spec = one(objects, "InferenceService")["spec"]
    one(objects, "PriorityClass", spec["predictor"]["priorityClassName"])
    assert spec["transformer"]["priorityClassName"] == spec["predictor"]["priorityClassName"]
    own = chart.render({"serving": {"priorityClassName": "high"}})
    assert predictor(own)["priorityClassName"] == "high"
    assert "priorityClassName" not in predictor(
        chart.render({"priorities": {"enabled": False}, "quota": {"enabled": False}})
    )


def test_servers_wait_for_the_first_champion(chart: Any, tmp_path: Path) -> None:
    command = [part.replace("/mnt/models", str(tmp_path)) for part in container(chart.render())["command"]]
    with subprocess.Popen([*command, "echo", "--port=9000"], stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline().startswith("waiting for the first champion")
        assert waiting.poll() is None
        (tmp_path / "models.config").touch()
        assert waiting.stdout.read() == "--port=9000\n"
    assert waiting.returncode == 0


def test_servers_that_wait_end_at_once_when_told(chart: Any, tmp_path: Path) -> None:
    command = [part.replace("/mnt/models", str(tmp_path)) for part in container(chart.render())["command"]]
    with subprocess.Popen([*command, "echo"], stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        waiting.terminate()
        assert waiting.wait(timeout=5) == 0
