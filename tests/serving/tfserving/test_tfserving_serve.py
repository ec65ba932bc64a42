"""`sluice serve --runtime tfserving`: the same server, answered by TensorFlow Serving."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from components.errors import InputError
from serving.clients.client import PROTOCOLS, Address
from serving.clients.connect import connect
from serving.serve import ServeOptions, serve


def model_servers(running) -> list[int]:
    """Process numbers of the model servers that the server has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(running.process.pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def test_it_swaps_and_rolls_back_under_load_without_a_failed_request(tfserving_server, windows, load_of, eventually):
    running = tfserving_server
    loads = [load_of(running, protocol) for protocol in PROTOCOLS]
    with loads[0], loads[1], loads[2], loads[3]:
        for turn in range(3):
            _ = running.store.rollback("river") if turn % 2 else running.store.promote("river", 2)
            wanted = "1" if turn % 2 else "2"
            eventually(lambda wanted=wanted: running.version() == wanted, 30)
            time.sleep(0.5)
    forecasts = {}
    for load in loads:
        assert load.errors == []
        assert {version for version, _ in load.answers} == {1, 2}
        for version, forecast in load.answers:
            assert forecasts.setdefault(version, forecast) == pytest.approx(forecast, abs=1e-5)
    assert forecasts[1] != pytest.approx(forecasts[2], abs=1e-3)


def test_a_candidate_is_asked_by_its_label_and_number(tfserving_server, windows, eventually):
    running = tfserving_server
    running.store.promote("river", 1)
    eventually(lambda: running.version() == "1", 30)
    body = json.dumps({"instances": windows(1).tolist()})
    address = f"http://localhost:{running.http}/v1/models/river"

    def answered(path: str) -> str:
        reply = httpx.post(f"{address}{path}:predict", content=body)
        return reply.json()["model_version"] if reply.status_code == 200 else f"{reply.status_code}: {reply.text}"

    running.store.stage("river", 2)
    # A champion of a moment ago may still be on its way out: it answers, is unloaded, and is loaded again.
    eventually(lambda: answered("/labels/candidate") == answered("/versions/2") == "2", 30)
    assert answered("/labels/stable") == answered("") == answered("/versions/1") == "1"
    running.store.unstage("river")
    eventually(lambda: answered("/labels/candidate").startswith(("400", "404")), 30)
    assert httpx.post(f"{address}/versions/2:predict", content=body).status_code == 404


def test_a_damaged_champion_is_never_loaded_and_is_told_once(tfserving_server, eventually):
    running = tfserving_server
    running.store.promote("river", 2)
    eventually(lambda: running.version() == "2", 30)
    shutil.copytree(running.store.path("river", 1), running.store.root / "river" / "3")
    with (running.store.root / "river" / "3" / "variables" / "variables.index").open("ab") as file:
        file.write(b"x")
    champion = {"version": 3, "previous": 2, "at": "2025-01-01T00:00:00+00:00"}
    (running.store.root / "river" / "champion.json").write_text(json.dumps(champion))
    eventually(lambda: "version 3 can't be served" in running.log.read_text(), 20)
    time.sleep(2)
    lines = [line for line in running.log.read_text().splitlines() if "version 3 can't be served" in line]
    assert len(lines) == 1
    assert "version 2 goes on serving" in lines[0]
    assert running.version() == "2"
    metrics = httpx.get(f"http://localhost:{running.http}/metrics").text
    assert 'sluice_version_refused{model="river",reason="damaged",version="3"} 1.0' in metrics
    running.store.promote("river", 2)


def test_a_new_model_appears_without_a_restart(tfserving_server, candidates, windows, eventually):
    running = tfserving_server
    running.store.publish("pond", candidates["river-1"])
    running.store.promote("pond", 1)
    eventually(lambda: running.version("pond") == "1", 30)
    with connect(Address(running.url("v2-grpc"), "pond"), None) as client:
        assert client.predict(windows(1)).version == 1


def test_it_is_started_again_when_it_dies_and_meanwhile_nothing_waits(tfserving_server, windows, eventually):
    running = tfserving_server
    eventually(lambda: running.version() == "2", 30)
    (pid,) = model_servers(running)
    os.kill(pid, signal.SIGKILL)
    body = json.dumps({"instances": windows(1).tolist()})
    url = f"http://localhost:{running.http}/v1/models/river:predict"
    statuses = set()
    deadline = time.monotonic() + 60
    while 200 not in statuses or 503 not in statuses:
        assert time.monotonic() < deadline, running.log.read_text()
        statuses.add(httpx.post(url, content=body).status_code)
        time.sleep(0.02)
    assert statuses <= {200, 503}
    assert "TensorFlow Serving died" in running.log.read_text()
    assert model_servers(running) != [pid]


def test_it_leaves_no_process_and_no_file(start_tfserving, store):
    before = set(Path("/tmp").glob("sluice-*"))
    running = start_tfserving(store)
    (pid,) = model_servers(running)
    assert running.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert set(Path("/tmp").glob("sluice-*")) <= before
    assert "Traceback" not in running.log.read_text()


def test_a_champion_that_the_server_can_not_load_leaves_the_other_models_serving(start_tfserving, store, candidates):
    folder = store.root / "broken"
    shutil.copytree(candidates["river-1"], folder)
    (folder / "saved_model.pb").write_bytes(b"no model")
    store.publish("lake", folder)
    shutil.rmtree(folder)
    store.promote("lake", 1)
    running = start_tfserving(store)
    assert running.version("river") == "1"
    assert running.version("tidal") == "1"
    assert running.version("lake") == ""
    assert "lake: version 1 can't be served" in running.log.read_text()


def test_an_unknown_runtime_and_a_missing_binary_are_refused(tmp_path, ports, monkeypatch):
    (tmp_path / "store").mkdir()
    with pytest.raises(InputError, match="no runtime 'gpu'"):
        serve(ServeOptions(tmp_path / "store", *ports, runtime="gpu"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no tensorflow_model_server on PATH"):
        serve(ServeOptions(tmp_path / "store", *ports, runtime="tfserving"))
