from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from components.dataset.load import PRESETS as DATASETS
from components.errors import InputError
from pipelines.cli.main import app
from pipelines.cluster.kfp_server import KfpServer, connect
from pipelines.cluster.watch import Pace, Progress, watch_run
from pipelines.platform.profile import PRESETS as PROFILES

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_commands import commands

DATA = ["--data", "/mnt/work/readings.csv"]


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["submit", *arguments])


def facts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_uploads_the_pipeline_and_starts_a_run_with_the_profiles_parameters(kfp: Any) -> None:
    said = facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", "shared", "--json"))
    run = kfp.runs[said["run_id"]]
    given = run["runtime_config"]["parameters"]
    assert given["data"] == "/mnt/work/readings.csv"
    assert given["store"] == "/mnt/models"
    assert given["work"] == "/mnt/work/reservoir"
    assert given["champion"] == -1
    assert [one["member"] for one in given["members"]][:2] == ["stacked_lstm", "residual_gru"]
    assert given["dataset"].startswith("name: reservoir")
    version = kfp.versions[run["pipeline_version_reference"]["pipeline_version_id"]]
    assert version["display_name"] == said["version"]
    assert "nvidia.com/gpu.product" in json.dumps(version["pipeline_spec"]["platform_spec"])
    assert kfp.experiments[run["experiment_id"]]["display_name"] == "sluice"


def test_no_step_of_an_uploaded_pipeline_is_taken_from_a_cache(kfp: Any) -> None:
    ask("--host", kfp.url)
    [version] = kfp.versions.values()
    spec = version["pipeline_spec"]["pipeline_spec"]
    parts = [spec["root"], *spec["components"].values()]
    tasks = [task for part in parts for task in part.get("dag", {}).get("tasks", {}).values()]
    assert len(tasks) >= 9
    assert all(not task.get("cachingOptions") for task in tasks)


def test_without_a_dataset_it_is_only_uploaded(kfp: Any) -> None:
    said = facts(ask("--host", kfp.url, "--json"))
    assert said["uploaded"]
    assert said["run_id"] == ""
    assert not kfp.runs


def test_the_same_pipeline_is_uploaded_once(kfp: Any) -> None:
    first = facts(ask("reservoir", "--host", kfp.url, *DATA, "--json"))
    second = facts(ask("reservoir", "--host", kfp.url, *DATA, "--seed", "3", "--json"))
    other = facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", "cpu", "--json"))
    assert (first["uploaded"], second["uploaded"], other["uploaded"]) == (True, False, True)
    assert first["version_id"] == second["version_id"]
    assert len(kfp.pipelines) == 1
    assert len(kfp.versions) == 2
    assert len(kfp.experiments) == 1


def test_the_store_is_mounted_from_the_claim_that_is_named(kfp: Any) -> None:
    facts(ask("--host", kfp.url, "--profile", "cpu", "--store-claim", "levels", "--json"))
    [version] = kfp.versions.values()
    text = json.dumps(version["pipeline_spec"]["platform_spec"])
    assert "levels" in text
    assert "sluice-store" not in text


def test_the_steps_run_in_the_image_that_is_named(kfp: Any) -> None:
    image = "registry.example.com/sluice-python:2"
    facts(ask("--host", kfp.url, "--image", image, "--json"))
    [version] = kfp.versions.values()
    executors = version["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"].values()
    assert {one["container"]["image"] for one in executors if "container" in one} == {image}


def submits_of_the_page() -> list[str]:
    return [one.removeprefix("sluice submit ") for one in commands() if one.startswith("sluice submit ")]


@pytest.mark.parametrize("line", submits_of_the_page())
def test_the_commands_of_the_page_submit(kfp: Any, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DATASETS / "reservoir.yaml").read_text().replace("name: reservoir", "name: walnut_creek")
    Path("walnut_creek.yaml").write_text(text)
    # The release's own; tests/cluster/test_cluster_page.py has it written.
    Path("profile.yaml").write_text((PROFILES / "dedicated.yaml").read_text())
    kfp.namespaces = ("forecasts",)
    kfp.states = [{"state": "SUCCEEDED"}]
    result = ask(*shlex.split(line.replace("http://localhost:8888", kfp.url)))
    assert result.exit_code == 0, result.output
    assert len(kfp.runs) + len(kfp.recurring) == 1
    assert "http://walnut-creek-transformer" in asked_addresses(kfp)


def asked_addresses(kfp: Any) -> str:
    [version] = kfp.versions.values()
    return json.dumps(version["pipeline_spec"]["pipeline_spec"])


def test_a_new_version_is_tried_through_the_service_of_its_model(kfp: Any, tmp_path: Path) -> None:
    dataset = tmp_path / "walnut_creek.yaml"
    dataset.write_text((DATASETS / "reservoir.yaml").read_text().replace("name: reservoir", "name: walnut_creek"))
    facts(ask(str(dataset), "--host", kfp.url, *DATA, "--json"))
    assert "http://walnut-creek-transformer" in asked_addresses(kfp)
    assert "reservoir-transformer" not in asked_addresses(kfp)


def test_a_new_version_is_tried_through_the_service_that_is_named(kfp: Any) -> None:
    facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", "cpu", "--service", "weir", "--json"))
    assert "http://weir-" in asked_addresses(kfp)
    assert "http://reservoir-" not in asked_addresses(kfp)


def test_the_addresses_of_a_profile_of_ones_own_stay(kfp: Any, tmp_path: Path) -> None:
    profile = tmp_path / "own.yaml"
    profile.write_text(
        yaml.safe_dump(
            yaml.safe_load((PROFILES / "cpu.yaml").read_text()) | {"serving": {"rest": "http://gateway.example.com"}}
        )
    )
    facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", str(profile), "--json"))
    assert "http://gateway.example.com" in asked_addresses(kfp)
    refused = ask("reservoir", "--host", kfp.url, *DATA, "--profile", str(profile), "--service", "weir")
    assert refused.exit_code == 2
    assert "no InferenceService's own address" in refused.output


def test_a_recurring_run_never_catches_up_and_runs_alone(kfp: Any) -> None:
    result = ask("reservoir", "--host", kfp.url, *DATA, "--window", "01:30-09:00", "--timezone", "Asia/Seoul", "--json")
    said = facts(result)
    recurring = kfp.recurring[said["recurring_run_id"]]
    assert recurring["no_catchup"] is True
    assert recurring["max_concurrency"] == "1"
    assert recurring["mode"] == "ENABLE"
    assert recurring["trigger"]["cron_schedule"]["cron"] == "0 30 16 * * *"
    assert said["schedule"]["changes"] == []


def test_a_window_in_a_zone_with_summer_time_says_when_it_shifts(kfp: Any) -> None:
    result = ask("reservoir", "--host", kfp.url, *DATA, "--window", "22:00-06:00", "--timezone", "Europe/Berlin")
    assert result.exit_code == 0
    assert result.output.count("the clocks of Europe/Berlin change") == 2


@pytest.fixture
def nightly(tmp_path: Path) -> str:
    """A profile with hours for training."""
    file = tmp_path / "nightly.yaml"
    training = {"batch": 24, "window": "01:30-09:00", "timezone": "Asia/Seoul"}
    file.write_text(yaml.safe_dump(yaml.safe_load((PROFILES / "cpu.yaml").read_text()) | {"training": training}))
    return str(file)


def test_the_profiles_window_and_zone_are_those_of_recurring_runs(kfp: Any, nightly: str) -> None:
    said = facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", nightly, "--json"))
    [recurring] = kfp.recurring.values()
    assert recurring["trigger"]["cron_schedule"]["cron"] == "0 30 16 * * *"
    assert said["schedule"]["asked"] == "01:30-09:00"
    assert '"batch": {"defaultValue": 24' in asked_addresses(kfp)


@pytest.mark.parametrize(
    ("options", "cron"),
    [
        (["--window", "03:00-09:00"], "0 0 18 * * *"),
        (["--window", "03:00-09:00", "--timezone", "UTC"], "0 0 3 * * *"),
        (["--schedule", "0 15 4 * * 1"], "0 15 19 * * 0"),
    ],
)
def test_options_go_before_the_profiles_window(kfp: Any, nightly: str, options: list[str], cron: str) -> None:
    facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", nightly, *options, "--json"))
    [recurring] = kfp.recurring.values()
    assert recurring["trigger"]["cron_schedule"]["cron"] == cron


def test_a_run_starts_once_and_now_whatever_the_profiles_window(kfp: Any, nightly: str) -> None:
    said = facts(ask("reservoir", "--host", kfp.url, *DATA, "--profile", nightly, "--once", "--json"))
    assert said["run_id"] in kfp.runs
    assert not kfp.recurring
    waiting = ask("reservoir", "--host", kfp.url, *DATA, "--profile", nightly, "--wait")
    assert waiting.exit_code == 2
    assert "01:30-09:00" in waiting.output
    assert "--once" in waiting.output


def test_a_profile_with_a_window_is_uploaded_without_a_run(kfp: Any, nightly: str) -> None:
    assert facts(ask("--host", kfp.url, "--profile", nightly, "--json"))["recurring_run_id"] == ""


def test_a_window_shorter_than_the_training_is_refused(kfp: Any) -> None:
    result = ask("reservoir", "--host", kfp.url, *DATA, "--window", "02:00-03:00", "--budget", "60")
    assert result.exit_code == 2
    assert "open for 60 minutes" in result.output
    assert "--budget 45" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reservoir"], "no readings are named"),
        (["reservoir", "--data", "tests/conftest.py"], "mounts /mnt/work (claim sluice-work)"),
        (["reservoir", "--data", "postgresql://u:hunter2@db/x"], "holds a password"),
        (["reservoir", *DATA, "--schedule", "0 2 * * *"], 'write "0 0 2 * * *"'),
        (["reservoir", *DATA, "--schedule", "0 0 2 * * *", "--timezone", "Asia/Soul"], "did you mean Asia/Seoul?"),
        (["reservoir", *DATA, "--schedule", "0 0 2 * * *", "--window", "2:00-3:00"], "give one of the two"),
        (["reservoir", *DATA, "--once", "--window", "2:00-3:00"], "give one of the two"),
        (["--once"], "there is nothing to run"),
        (["reservoir", *DATA, "--window", "2-3"], "write it as 22:00-06:00"),
        (["--data", "/mnt/work/x.csv"], "there is nothing to run"),
        (["reservoir", *DATA, "--members", "oracle"], "there is no member oracle"),
        (["reservoir", *DATA, "--profile", "huge"], "dedicated"),
        (["reservoir", *DATA, "--token-file", "/nowhere"], "can't be read"),
    ],
)
def test_a_mistake_is_told_before_the_server_is_asked(kfp: Any, arguments: list[str], said: str) -> None:
    result = ask(*arguments, "--host", kfp.url)
    assert result.exit_code == 2
    assert said in result.output
    assert "hunter2" not in result.output
    assert not kfp.pipelines


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    result = ask("--host", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "http://127.0.0.1:9: can't be reached" in result.output
    assert "port-forward" in result.output


def test_a_login_page_is_no_api(kfp: Any) -> None:
    kfp.html = True
    result = ask("--host", kfp.url)
    assert result.exit_code == 2
    assert "not as the API of Kubeflow Pipelines" in result.output


def test_a_token_is_shown_to_the_server(kfp: Any, tmp_path: Path) -> None:
    kfp.token = "abc.def"
    refused = ask("--host", kfp.url)
    assert refused.exit_code == 2
    assert "--token-file" in refused.output
    file = tmp_path / "token"
    file.write_text("abc.def\n")
    assert ask("--host", kfp.url, "--token-file", str(file)).exit_code == 0


def test_a_server_with_many_users_asks_for_a_namespace(kfp: Any) -> None:
    kfp.multi_user = True
    result = ask("reservoir", "--host", kfp.url, *DATA)
    assert result.exit_code == 2
    assert "--namespace" in result.output
    denied = ask("reservoir", "--host", kfp.url, *DATA, "--namespace", "others")
    assert denied.exit_code == 2
    assert "HTTP 403" in denied.output
    said = facts(ask("reservoir", "--host", kfp.url, *DATA, "--namespace", "team", "--json"))
    assert kfp.experiments[said["experiment_id"]]["namespace"] == "team"


def test_a_certificate_of_a_private_authority_is_trusted_when_it_is_named(kfp_over_tls: tuple[str, Path]) -> None:
    url, authority = kfp_over_tls
    with pytest.raises(InputError, match="--ca"):
        connect(KfpServer(url))
    assert connect(KfpServer(url, ca=authority))


def task(name: str, state: str) -> dict[str, str]:
    return {"display_name": name, "state": state}


@pytest.mark.parametrize(
    ("end", "tasks", "outcome"),
    [
        ("SUCCEEDED", [task("deploy", "SUCCEEDED")], "succeeded"),
        ("SUCCEEDED", [task("passed", "SKIPPED")], "refused"),
        ("FAILED", [task("train", "FAILED")], "failed"),
        ("CANCELED", [], "canceled"),
    ],
)
def test_a_run_is_followed_to_its_end(kfp: Any, end: str, tasks: list[dict[str, str]], outcome: str) -> None:
    said = facts(ask("reservoir", "--host", kfp.url, *DATA, "--json"))
    kfp.states = [
        {"state": "RUNNING", "run_details": {"task_details": [task("ingest", "RUNNING")]}},
        {"state": end, "run_details": {"task_details": [task("ingest", "SUCCEEDED"), *tasks]}},
    ]
    seen: list[Progress] = []
    pace = Pace(sleep=lambda seconds: None)
    assert watch_run(KfpServer(kfp.url), said["run_id"], seen.append, pace) == outcome
    assert [progress.state for progress in seen] == ["RUNNING", end]
    assert seen[0].tasks == {"ingest": "RUNNING"}


def test_a_break_of_the_connection_does_not_end_the_watch(kfp: Any) -> None:
    said = facts(ask("reservoir", "--host", kfp.url, *DATA, "--json"))
    kfp.states = [{"state": "RUNNING"}, {"state": "SUCCEEDED"}]

    def break_once(progress: Progress) -> None:
        kfp.broken = 2 if progress.state == "RUNNING" else 0

    pace = Pace(sleep=lambda seconds: None)
    assert watch_run(KfpServer(kfp.url), said["run_id"], break_once, pace) == "succeeded"


def test_a_server_that_stays_away_ends_the_watch(kfp: Any) -> None:
    with pytest.raises(InputError, match="run gone"):
        watch_run(KfpServer(kfp.url), "gone", lambda progress: None, Pace(sleep=lambda seconds: None))
