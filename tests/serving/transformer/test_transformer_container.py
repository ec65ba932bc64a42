"""`python -m serving.transformer`: the same answers, computed by a predictor that is asked by gRPC."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from serving.transformer.__main__ import main, parse


def started(folder: Path, arguments: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "serving.transformer", *arguments]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, text=True)


def is_ready(http: int) -> bool:
    try:
        return httpx.get(f"http://localhost:{http}/v2/health/ready").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def container(raw_server, tmp_path_factory, container_ports, until) -> Iterator[SimpleNamespace]:
    """A transformer as KServe starts it, whose predictor is the other server's PredictionService."""
    folder = tmp_path_factory.mktemp("transformer")
    http, grpc, predict = container_ports
    arguments = ["--predictor_host", "localhost", "--predictor_port", str(raw_server.predict)]
    arguments += ["--store", str(raw_server.store.root), "--model_name", "river", "--predictor_protocol", "v1"]
    arguments += ["--http_port", str(http), "--grpc_port", str(grpc), "--predict_port", str(predict)]
    process = started(folder, arguments)
    until(lambda: process.poll() is not None or is_ready(http), 60)
    assert process.poll() is None, (folder / "log").read_text()
    yield SimpleNamespace(process=process, http=http, grpc=grpc, log=folder / "log")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.fixture(scope="module")
def ask_container(container, asker_of) -> Iterator:
    asker = asker_of(container)
    yield asker
    asker.close()


@pytest.mark.parametrize("model", ["river", "stations"])
def test_it_answers_as_the_server_that_computes(ask, ask_container, tables, model):
    table = tables.panel() if model == "stations" else tables.frame()
    here, there = ask.v1(model, table, members=True), ask_container.v1(model, table, members=True)
    assert there.status_code == 200, there.text
    for mine, theirs in zip(here.json()["predictions"], there.json()["predictions"], strict=True):
        for name in ("forecast", "lower", "upper"):
            assert theirs.pop(name) == pytest.approx(mine.pop(name), abs=1e-5)
        for name in ("members", "weights"):
            told, wanted = theirs.pop(name), mine.pop(name)
            assert {key: pytest.approx(value, abs=1e-5) for key, value in wanted.items()} == told
        assert theirs.pop("spike_probability") == pytest.approx(mine.pop("spike_probability"), abs=1e-5)
        assert theirs == mine
    v2, by_grpc = ask_container.v2(model, table), ask_container.v2_grpc(model, table)
    assert v2.json()["outputs"][4]["name"] == by_grpc.outputs[4].name == "forecast"
    assert list(by_grpc.outputs[4].contents.fp32_contents) == pytest.approx(v2.json()["outputs"][4]["data"], abs=1e-5)


def test_it_takes_windows_too(ask_container, tables):
    window = tables.frame()[["level", "rain", "tide"]].tail(12).to_numpy().tolist()
    reply = ask_container.http.post("/v1/models/river:predict", json={"instances": [window]})
    assert reply.status_code == 200
    assert reply.json()["model_version"] == "1"


def test_it_refuses_in_the_same_words(ask, ask_container, tables):
    for table in (tables.frame(5), tables.frame().drop(columns="rain")):
        here, there = ask.v1("river", table), ask_container.v1("river", table)
        assert (there.status_code, there.json()) == (here.status_code, here.json())


def test_its_ports_stay_closed_until_the_predictor_has_a_version(raw_server, tmp_path, ports, until):
    http, grpc, predict = ports
    arguments = ["--predictor_host=localhost:1", "--store", str(raw_server.store.root), "--poll_seconds=0.2"]
    arguments += [f"--http_port={http}", f"--grpc_port={grpc}", f"--predict_port={predict}"]
    process = started(tmp_path, arguments)
    try:
        until(lambda: process.poll() is not None or "waiting for localhost:1" in (tmp_path / "log").read_text(), 60)
        assert process.poll() is None
        assert not is_ready(http)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("river-predictor.water", "river-predictor.water:9000"),
        ("river-predictor.water:80", "river-predictor.water:80"),
        ("http://river-predictor.water/", "river-predictor.water:9000"),
    ],
)
def test_the_predictors_address(host, target):
    given = parse(["--predictor_host", host, "--enable_latency_logging", "true", "--workers=1"])
    assert given.target == target
    assert (given.http_port, given.grpc_port, given.predict_port) == (8080, 8081, 8500)


def test_mistakes_are_told_without_a_trace(tmp_path, capsys):
    assert main(["--predictor_host", "x", "--store", str(tmp_path / "none")]) == 2
    assert "there is no such store" in capsys.readouterr().err
