"""Batch prediction's CronJob: what it runs, where it reads and writes, and what it may do."""

from __future__ import annotations

from typing import Any

import pytest
import typer.core
import typer.main

from pipelines.cli.main import app

CLAIMS = {"enabled": True, "readings": {"claim": "readings"}, "out": {"claim": "rows"}}
TO_DATABASE = {"batch": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}]}]}}

TO_S3 = {"serving": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.7/32"}}]}]}}


def cron_job(chart: Any, batch: dict[str, Any], profile: str = "", **values: Any) -> dict[str, Any]:
    found = [each for each in chart.render({"batch": CLAIMS | batch, **values}, profile) if each["kind"] == "CronJob"]
    assert len(found) == 1
    return dict(found[0])


def pod(job: dict[str, Any]) -> dict[str, Any]:
    return dict(job["spec"]["jobTemplate"]["spec"]["template"]["spec"])


def container(job: dict[str, Any]) -> dict[str, Any]:
    return dict(pod(job)["containers"][0])


def asked(job: dict[str, Any]) -> dict[str, Any]:
    """The command line, parsed by the program itself."""
    program, subcommand, *arguments = container(job)["command"]
    assert (program, subcommand) == ("sluice", "predict-batch")
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands["predict-batch"]
    return dict(command.make_context("predict-batch", list(arguments)).params)


def test_it_is_off_by_default(chart: Any) -> None:
    assert not [each for each in chart.render() if each["kind"] == "CronJob"]


def test_it_asks_the_transformer_for_what_lies_on_a_claim(chart: Any) -> None:
    parameters = asked(cron_job(chart, {}))
    wanted = {
        "readings": "/data/readings",
        "out": "/data/out/forecasts",
        "model": "reservoir",
        "url": "grpc://reservoir-transformer.forecasts:8081",
        "protocol": "v2-grpc",
        "batch_size": 250,
        "as_json": True,
        "new_series": False,
        "dataset": None,
    }
    assert {key: parameters[key] for key in wanted} == wanted
    assert str(parameters["store"]) == "/mnt/models"


@pytest.mark.parametrize(
    ("values", "profile", "url", "protocol"),
    [
        ({}, "cpu", "grpc://reservoir-predictor.forecasts:8081", "v2-grpc"),
        ({"transformer": {"enabled": False}}, "", "grpc://reservoir-predictor.forecasts:9000", "tfserving"),
    ],
)
def test_it_asks_whoever_takes_requests(
    chart: Any, values: dict[str, Any], profile: str, url: str, protocol: str
) -> None:
    parameters = asked(cron_job(chart, {}, profile, **values))
    assert (parameters["url"], parameters["protocol"]) == (url, protocol)


def test_its_own_pod_can_load_the_champion(chart: Any) -> None:
    parameters = asked(cron_job(chart, {"asks": "champion", "series": "station", "newSeries": True, "model": "other"}))
    assert parameters["url"] == ""
    assert (parameters["series"], parameters["new_series"], parameters["model"]) == ("station", True, "other")


def test_databases_are_named_by_secrets_alone(chart: Any) -> None:
    batch = {
        "readings": {"urlSecret": "readings-db", "query": "select * from readings"},
        "out": {"urlSecret": "rows-db", "table": "levels"},
    }
    job = cron_job(chart, batch, networkPolicy=TO_DATABASE)
    parameters = asked(job)
    assert parameters["readings"] == "$(READINGS_URL)"
    assert parameters["query"] == "select * from readings"
    assert (parameters["out"], parameters["table"]) == ("$(OUT_URL)", "levels")
    environment = {each["name"]: each.get("valueFrom") for each in container(job)["env"]}
    assert environment["READINGS_URL"] == {"secretKeyRef": {"name": "readings-db", "key": "url"}}
    assert environment["OUT_URL"] == {"secretKeyRef": {"name": "rows-db", "key": "url"}}
    assert claims(job) == {"/mnt/models": ("demo-sluice-store", True)}


def claims(job: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Claim and whether it is read only, by where it is mounted."""
    volumes = {each["name"]: each.get("persistentVolumeClaim", {}).get("claimName") for each in pod(job)["volumes"]}
    mounts = container(job)["volumeMounts"]
    return {
        each["mountPath"]: (volumes[each["name"]], each.get("readOnly", False))
        for each in mounts
        if volumes[each["name"]]
    }


def test_only_the_place_of_the_rows_can_be_written(chart: Any) -> None:
    assert claims(cron_job(chart, {})) == {
        "/mnt/models": ("demo-sluice-store", True),
        "/data/readings": ("readings", True),
        "/data/out": ("rows", False),
    }


def test_a_claim_for_all_is_one_volume(chart: Any) -> None:
    batch = {"readings": {"claim": "all", "path": "in"}, "out": {"claim": "all"}}
    job = cron_job(chart, batch, store={"pvc": {"create": False, "name": "all", "path": "store"}})
    assert [each["name"] for each in pod(job)["volumes"] if "persistentVolumeClaim" in each] == ["claim-0"]
    assert asked(job)["readings"] == "/data/readings/in"
    mounts = {each["mountPath"]: each.get("subPath") for each in container(job)["volumeMounts"]}
    assert mounts["/mnt/models"] == "store"


def test_without_a_claim_the_dataset_file_comes_from_a_config_map(chart: Any) -> None:
    store = {"kind": "s3", "s3": {"uri": "s3://models/sluice"}}
    job = cron_job(chart, {"datasetConfigMap": "dataset"}, store=store, networkPolicy=TO_S3)
    parameters = asked(job)
    assert (str(parameters["dataset"]), parameters["store"]) == ("/etc/sluice/dataset/dataset.yaml", None)
    assert {"name": "dataset", "configMap": {"name": "dataset"}} in pod(job)["volumes"]


def test_keys_come_from_a_secret(chart: Any) -> None:
    serving = {"keysSecret": "keys"}
    job = cron_job(chart, {"keySecret": "own-key"}, serving=serving, tests={"keySecret": "own-key"})
    assert str(asked(job)["key_file"]) == "/etc/sluice/key/key"
    assert {"name": "key", "secret": {"secretName": "own-key"}} in pod(job)["volumes"]


def test_runs_never_meet_and_end_in_time(chart: Any) -> None:
    spec = cron_job(chart, {"schedule": "5 2 * * *", "timeZone": "Asia/Seoul", "suspend": True})["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("5 2 * * *", "Asia/Seoul", True)
    assert (spec["startingDeadlineSeconds"], spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]) == (300, 540)
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 1


def test_its_pod_is_restricted_and_knows_no_api_token(chart: Any) -> None:
    job = cron_job(chart, {})
    assert pod(job)["automountServiceAccountToken"] is False
    assert pod(job)["securityContext"]["runAsNonRoot"] is True
    assert pod(job)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = container(job)["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert set(container(job)["resources"]) == {"requests", "limits"}
    assert "nvidia.com/gpu" not in container(job)["resources"]["limits"]


@pytest.mark.parametrize("priority", ["serving", "training", "extras"])
def test_its_priority_is_one_of_the_charts(chart: Any, priority: str) -> None:
    assert pod(cron_job(chart, {"priority": priority}))["priorityClassName"] == f"forecasts-demo-sluice-{priority}"


def test_with_serving_it_shares_a_class_named_by_hand(chart: Any) -> None:
    values: dict[str, Any] = {"serving": {"priorityClassName": "water-first"}, "priorities": {"enabled": False}}
    assert pod(cron_job(chart, {}, **values))["priorityClassName"] == "water-first"
    assert "priorityClassName" not in pod(cron_job(chart, {"priority": "extras"}, **values))


@pytest.mark.parametrize(
    ("batch", "values", "said"),
    [
        ({"readings": {}}, {}, "batch.readings names no place"),
        ({"out": {"claim": "rows", "urlSecret": "db"}}, {}, "are two places"),
        ({"readings": {"urlSecret": "db"}}, {"networkPolicy": TO_DATABASE}, "batch.readings.query is empty"),
        ({"out": {"urlSecret": "db"}}, {}, "say where in networkPolicy.batch.egress"),
        ({"activeDeadlineSeconds": 600}, {}, "a run starts every 600 s"),
        ({}, {"serving": {"enabled": False}}, "batch.asks service needs serving.enabled"),
        ({}, {"serving": {"keysSecret": "keys"}, "tests": {"keySecret": "own"}}, "set batch.keySecret"),
        ({"asks": "champion"}, {"store": {"kind": "s3", "s3": {"uri": "s3://m/s"}}}, "set batch.asks to service"),
        ({}, {"store": {"kind": "s3", "s3": {"uri": "s3://m/s"}}}, "set batch.datasetConfigMap"),
        ({"schedule": "hourly"}, {}, "/batch/schedule"),
        ({"timeZone": "KST"}, {}, "/batch/timeZone"),
        ({"readings": {"claim": "a", "path": "/in"}}, {}, "/batch/readings/path"),
        ({"asks": "gpu"}, {}, "/batch/asks"),
        ({"cron": "x"}, {}, "additional properties 'cron' not allowed"),
    ],
)
def test_what_cannot_run_is_refused(chart: Any, batch: dict[str, Any], values: dict[str, Any], said: str) -> None:
    assert said in chart.refusal({"batch": CLAIMS | batch, **values})
