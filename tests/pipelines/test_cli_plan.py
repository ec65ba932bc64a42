"""`sluice plan` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from pipelines.capacity.examples.run import example_names
from pipelines.cli.main import app


@pytest.fixture(autouse=True)
def no_calibration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def test_it_says_first_whether_it_fits() -> None:
    result = plan("--cards", "v100-32gb x2")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Fits, and in time: 5 members on 781,163 rows, 2 x Tesla V100")
    assert "longest first" in result.stdout


def test_what_does_not_fit_exits_with_3_and_says_what_helps() -> None:
    result = plan("--cards", "gtx-1660", "--batch", "4096", "--precision", "float32", "--serve-on", "card")
    assert result.exit_code == 3
    assert result.stdout.startswith("Does not fit")
    assert "--accumulation" in result.stdout


def test_nothing_is_written_for_a_cluster_where_it_does_not_fit(tmp_path: Path) -> None:
    values, page = tmp_path / "values.yaml", tmp_path / "plan.html"
    result = plan("--cards", "rtx 3060", "--beside", "other=13", "--helm-values", str(values), "--html", str(page))
    assert result.exit_code == 3
    assert result.stdout.startswith("Does not fit")
    assert "nothing is written" in result.stderr
    assert page.exists()
    assert not values.exists()


def test_json_has_the_same_answer() -> None:
    facts = json.loads(plan("--cards", "t4 x4", "--folds", "5", "--json").stdout)
    assert facts["fits"] is True
    assert facts["cards"] == [{"card": "t4", "count": 4}]
    assert {"formula", "compiled_bytes", "observed_bytes"} <= set(facts["memory"][0])
    assert any(each["title"] == "5 folds x 5 members" for each in facts["orders"])


def test_it_writes_a_page_values_and_a_profile(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("plan.html", "values.yaml", "profile.yaml")}
    options = ("--html", str(files["plan.html"]), "--helm-values", str(files["values.yaml"]))
    result = plan("--cards", "v100-32gb x2", *options, "--profile", str(files["profile.yaml"]))
    assert result.exit_code == 0, result.output
    assert "Tesla V100" in files["plan.html"].read_text()
    assert yaml.safe_load(files["values.yaml"].read_text())["profile"] == "cpu"
    assert yaml.safe_load(files["profile.yaml"].read_text())["gpu_trainings_at_once"] == 2


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_shown_and_written_as_json(name: str, tmp_path: Path) -> None:
    shown = plan("--example", name, "--html", str(tmp_path / "example.html"))
    assert shown.exit_code == 0, shown.output
    assert "Stated" in shown.stdout or "stated" in shown.stdout
    assert json.loads(plan("--example", name, "--json").stdout)


def test_examples_are_listed() -> None:
    assert plan("--example", "list").stdout.split() == list(example_names())


def test_an_unknown_example_exits_with_2() -> None:
    result = plan("--example", "v100x9")
    assert result.exit_code == 2
    assert "v100x" in result.stderr


def test_stations_say_where_one_card_stops_being_enough(tmp_path: Path) -> None:
    result = plan("--cards", "v100-32gb", "--stations", "1,10,100", "--html", str(tmp_path / "growth.html"))
    assert result.exit_code == 0, result.output
    assert "is enough up to" in result.stdout
    assert "<html" in (tmp_path / "growth.html").read_text()[:200]


def test_wrong_input_exits_with_2_and_names_the_option() -> None:
    result = plan("--cards", "v100 x0")
    assert result.exit_code == 2
    assert "--cards" in result.stderr


def test_a_model_of_ones_own_is_planned(tmp_path: Path) -> None:
    import keras

    own = [keras.layers.Input((100, 12)), keras.layers.LSTM(64), keras.layers.Dense(1)]
    keras.Sequential(own).save(tmp_path / "own.keras")
    result = plan("--cards", "t4", "--model", f"small={tmp_path / 'own.keras'}", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["models"] == [{"name": "small", "file": str(tmp_path / "own.keras")}]
    assert {each["workload"] for each in facts["memory"]} == {"small"}
    result = plan("--cards", "t4", "--model", str(tmp_path / "own.keras"), "--helm-values", str(tmp_path / "v.yaml"))
    assert result.exit_code == 2
    assert "--model" in result.stderr


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("--model", "nowhere.keras"), "nowhere.keras"),
        (("--model", "=own.keras"), "--model"),
        (("--history", "nowhere"), "--history"),
        (("--optimizer", "lion"), "--optimizer"),
        (("--optimizer", "sgd", "--profile", "profile.yaml"), "the pipelines train by adamw"),
        (("--cards", "none", "--measure"), "--calibrate"),
    ],
)
def test_what_can_not_be_planned_is_named(options: tuple[str, ...], wrong: str) -> None:
    result = plan(*options)
    assert result.exit_code == 2
    assert wrong in result.stderr


def test_it_needs_no_tensorflow() -> None:
    code = "import sys; from pipelines.cli.main import app; app(['plan'], standalone_mode=False)"
    code += "; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
