"""Monitors, alerts and the dashboard: each metric and label that they name exists."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from serving.server.metrics import ServingMetrics
from serving.tfserving.monitoring import PATH

sys.path.insert(0, str(Path(__file__).parent))
from custom_kinds import problems
from promql import groupings, selectors

ROOT = Path(__file__).parents[2]
# Prometheus adds these to what it scrapes; the monitors add the last two.
TARGET_LABELS = {"namespace", "pod", "inferenceservice", "component"}
# Of TensorFlow Serving (tensorflow_serving/servables/tensorflow/util.cc, model_servers/http_rest_api_util.cc), of
# kube-state-metrics (docs/metrics/workload/cronjob-metrics.md) and of the DCGM exporter (etc/default-counters.csv).
FOREIGN = {
    ":tensorflow:serving:request_count": {"model_name", "status"},
    ":tensorflow:serving:request_latency_bucket": {"model_name", "le", "API", "entrypoint"},
    "kube_cronjob_status_last_successful_time": {"cronjob", "namespace"},
    "DCGM_FI_DEV_GPU_TEMP": {"Hostname", "gpu"},
}
BATCH = {"enabled": True, "readings": {"claim": "readings"}, "out": {"claim": "rows"}}
RULES = {
    "enabled": True,
    "gpuMaxCelsius": 80,
    "runbookUrl": "https://runbooks.example.com/",
    "alertLabels": {"team": "w"},
}
EVERY_ALERT = {"batch": BATCH, "monitoring": {"rules": RULES}}


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Labels of each metric, under the names that Prometheus sees."""
    metrics = ServingMetrics(CollectorRegistry())
    found = dict(FOREIGN)
    for collector in _collectors(metrics):
        labels = set(collector._labelnames)
        match collector._type:
            case "counter":
                found[f"{collector._name}_total"] = labels
            case "histogram":
                found |= {f"{collector._name}_bucket": labels | {"le"}, f"{collector._name}_count": labels}
            case _:
                found[collector._name] = labels
    return found


def _collectors(holder: Any) -> Iterator[MetricWrapperBase]:
    for value in vars(holder).values():
        if isinstance(value, MetricWrapperBase):
            yield value
        elif type(value).__module__ == ServingMetrics.__module__:
            yield from _collectors(value)


@pytest.fixture(scope="module")
def alerts(chart: Any) -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    (rule,) = of_kind(chart.render(EVERY_ALERT), "PrometheusRule")
    assert not problems(rule)
    return {each["alert"]: each for group in rule["spec"]["groups"] for each in group["rules"]}


@pytest.fixture(scope="module")
def board(chart: Any) -> dict[str, Any]:
    """The dashboard, out of its ConfigMap."""
    objects = chart.render({"monitoring": {"dashboard": {"enabled": True}}})
    (config,) = [each for each in of_kind(objects, "ConfigMap") if each["metadata"]["name"] == "demo-sluice-dashboard"]
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    return dict(json.loads(config["data"]["sluice.json"]))


def unknown(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What an expression names and nobody tells."""
    wrong = []
    labels = set(TARGET_LABELS)
    for name, matched in selectors(expression):
        if name not in known:
            wrong.append(name)
            continue
        labels |= known[name]
        wrong += [f"{name}{{{label}}}" for label in matched - known[name] - TARGET_LABELS]
    return wrong + [f"by ({label})" for label in groupings(expression) - labels]


def test_the_metrics_are_found(known: dict[str, set[str]]) -> None:
    assert known["sluice_requests_total"] == {"model", "version", "protocol"}
    assert known["sluice_request_seconds_bucket"] == {"model", "protocol", "le"}
    assert known["sluice_member_weight"] == {"model", "series", "member", "horizon"}


def test_a_wrong_metric_or_label_would_be_found(known: dict[str, set[str]]) -> None:
    assert unknown('sum by (x) (rate(sluice_requests{model="a b{"}[5m])) > 0', known) == ["sluice_requests", "by (x)"]
    assert unknown('sluice_errors_total{model="a"}', known) == ["sluice_errors_total{model}"]
    assert unknown("absent(nothing) or vector(0)", known) == ["nothing"]


def test_alerts_name_what_is_measured(alerts: dict[str, dict[str, Any]], known: dict[str, set[str]]) -> None:
    assert set(alerts) == {
        "SluiceNoChampion",
        "SluiceVersionRefused",
        "SluiceChampionOld",
        "SluiceErrors",
        "SluiceSlow",
        "SluiceBusy",
        "SluiceTensorFlowServingErrors",
        "SluiceReadingsOld",
        "SluiceSpikeLikely",
        "SluiceBatchLate",
        "SluiceGpuHot",
    }
    assert not {name: wrong for name, each in alerts.items() if (wrong := unknown(each["expr"], known))}


def test_alerts_look_at_their_own_release_alone(alerts: dict[str, dict[str, Any]]) -> None:
    for name, alert in alerts.items():
        if name == "SluiceGpuHot":
            continue
        asked = list(selectors(alert["expr"]))
        assert asked
        assert all("namespace" in labels for _, labels in asked), name
        assert 'namespace="forecasts"' in alert["expr"]


def test_alerts_speak_of_labels_that_their_result_has(alerts: dict[str, dict[str, Any]]) -> None:
    for name, alert in alerts.items():
        spoken = set(re.findall(r"\$labels\.(\w+)", json.dumps(alert["annotations"])))
        assert spoken <= groupings(alert["expr"]), name
        assert alert["annotations"]["runbook_url"] == f"https://runbooks.example.com/{name}"
        assert alert["labels"]["team"] == "w"
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alerts["SluiceSpikeLikely"]["labels"]["severity"] == "info"


def test_errors_are_of_kinds_that_the_server_tells(alerts: dict[str, dict[str, Any]]) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "serving" / "server").glob("*.py"))
    kinds = set(re.findall(r'kind=~?"([a-z_|]+)"', alerts["SluiceErrors"]["expr"] + alerts["SluiceBusy"]["expr"]))
    named = {kind for group in kinds for kind in group.split("|")}
    assert named == {"backend", "internal", "timeout", "busy"}
    assert not {kind for kind in named if f'"{kind}"' not in source}


def test_thresholds_are_values(chart: Any) -> None:
    limits = {
        "championMaxAgeDays": 2,
        "readingMaxAgeSeconds": 77,
        "errorRatio": 0.5,
        "latencySeconds": 0.25,
        "spikeProbability": 0.9,
        "batchMaxAgeSeconds": 7200,
    }
    (rule,) = of_kind(
        chart.render({"batch": BATCH, "monitoring": {"rules": {"enabled": True, **limits}}}), "PrometheusRule"
    )
    ends = {each["alert"]: each["expr"].split()[-1] for group in rule["spec"]["groups"] for each in group["rules"]}
    assert ends["SluiceChampionOld"] == "172800"
    assert ends["SluiceReadingsOld"] == "77"
    assert ends["SluiceErrors"] == ends["SluiceTensorFlowServingErrors"] == "0.5"
    assert ends["SluiceSlow"] == "0.25"
    assert ends["SluiceSpikeLikely"] == "0.9"
    assert ends["SluiceBatchLate"] == "7200"
    assert "SluiceGpuHot" not in ends


def test_alerts_are_only_about_what_runs(chart: Any) -> None:
    def names(values: dict[str, Any], profile: str = "") -> set[str]:
        (rule,) = of_kind(
            chart.render(values | {"monitoring": {"rules": {"enabled": True}}}, profile), "PrometheusRule"
        )
        assert not problems(rule)
        return {each["alert"] for group in rule["spec"]["groups"] for each in group["rules"]}

    assert "SluiceBatchLate" not in names({})
    assert "SluiceTensorFlowServingErrors" not in names({}, "cpu")
    assert names({"transformer": {"enabled": False}}) == {"SluiceTensorFlowServingErrors"}


def test_the_dashboard_names_what_is_measured(board: dict[str, Any], known: dict[str, set[str]]) -> None:
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    expressions += [each["expr"] for each in board["annotations"]["list"]]
    variables = [each for each in board["templating"]["list"] if each["type"] == "query"]
    for variable in variables:
        asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        assert asked
        expressions += [asked[1], f"max by ({asked[2]}) ({asked[1]})"]
    assert not [wrong for each in expressions for wrong in unknown(each, known)]
    named = {name for each in expressions for name, _ in selectors(each)}
    ours = {name for name in known if name.startswith("sluice_") and not name.endswith("_count")}
    assert ours <= named


def test_legends_speak_of_labels_that_the_result_has(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= groupings(target["expr"])


def test_the_dashboard_asks_the_source_that_is_chosen(board: dict[str, Any]) -> None:
    variables = {each["name"] for each in board["templating"]["list"]}
    text = json.dumps(board["panels"])
    used = set(re.findall(r"\$\{?(\w+)\}?", text)) - {"__rate_interval", "__all"}
    assert used == variables
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_panels_do_not_lie_on_each_other(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
@pytest.mark.parametrize("profile", ["dedicated", "cpu"])
def test_a_monitor_finds_the_port_and_path_of_the_pods(chart: Any, kind: str, profile: str) -> None:
    own = {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}}
    objects = chart.render({"monitoring": {kind[0].lower() + kind[1:]: own}}, profile)
    (monitor,) = of_kind(objects, kind)
    assert not problems(monitor)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"] == {"serving.kserve.io/inferenceservice": "reservoir"}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints" if kind == "PodMonitor" else "endpoints"]
    assert (endpoint["path"], endpoint["interval"]) == (PATH, "30s")
    assert {each["targetLabel"] for each in endpoint["relabelings"]} == {"inferenceservice", "component"}
    (runtime,), (service,) = of_kind(objects, "ServingRuntime"), of_kind(objects, "InferenceService")
    containers = [runtime["spec"]["containers"][0], *service["spec"].get("transformer", {}).get("containers", [])]
    assert len(containers) == (1 if profile == "cpu" else 2)
    for container in containers:
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert ports[endpoint["port"]] == 8080


def test_a_key_opens_guarded_metrics(chart: Any) -> None:
    values = {"serving": {"keysSecret": "keys"}, "tests": {"keySecret": "own"}}
    monitor = {"monitoring": {"podMonitor": {"enabled": True, "keySecret": "own"}}}
    (found,) = of_kind(chart.render(values | monitor), "PodMonitor")
    credentials = {"credentials": {"name": "own", "key": "key"}}
    assert found["spec"]["podMetricsEndpoints"][0]["authorization"] == credentials
    assert not problems(found)
    said = chart.refusal(values | {"monitoring": {"podMonitor": {"enabled": True}}})
    assert "set monitoring.podMonitor.keySecret" in said


def test_all_is_off_by_default(chart: Any) -> None:
    objects = chart.render()
    assert not {each["kind"] for each in objects} & {"PodMonitor", "ServiceMonitor", "PrometheusRule"}
    assert not [each for each in objects if each["metadata"]["name"].endswith("-dashboard")]


@pytest.mark.parametrize(
    ("monitoring", "said"),
    [
        ({"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}, "everything would count twice"),
        ({"rules": {"errorRatio": 2}}, "/monitoring/rules/errorRatio"),
        ({"rules": {"gpuMaxCelsius": 800}}, "/monitoring/rules/gpuMaxCelsius"),
        ({"podMonitor": {"interval": "often"}}, "/monitoring/podMonitor/interval"),
        ({"grafana": {}}, "additional properties 'grafana' not allowed"),
    ],
)
def test_values_that_cannot_work_are_refused(chart: Any, monitoring: dict[str, Any], said: str) -> None:
    assert said in chart.refusal({"monitoring": monitoring})
