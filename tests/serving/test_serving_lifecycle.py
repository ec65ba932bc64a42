"""Champions change under load, servers start and stop, and none of it fails a request."""

import asyncio
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from components.deploy.checksums import checksums_of
from components.deploy.store import ModelStore
from components.errors import InputError
from serving.clients.client import PROTOCOLS, Address
from serving.clients.connect import connect
from serving.local.inprocess import in_process
from serving.local.watcher import StoreWatcher
from serving.serve import ServeOptions, serve
from serving.server.metrics import ServingMetrics
from serving.server.ports import check_ports


@pytest.fixture(autouse=True)
def several_servers_in_one_process() -> Iterator[None]:
    """Prometheus' own registry takes a server's metrics once."""
    yield
    for collector in {own for own in REGISTRY._collector_to_names if getattr(own, "_name", "").startswith("sluice_")}:
        REGISTRY.unregister(collector)


def test_promotion_and_rollback_under_load_fail_no_request(changing_server, load_of, eventually):
    running = changing_server
    running.store.promote("river", 1)
    eventually(lambda: running.version() == "1", 20)
    loads = [load_of(running, protocol) for protocol in PROTOCOLS]
    with loads[0], loads[1], loads[2], loads[3]:
        for turn in range(4):
            _ = running.store.rollback("river") if turn % 2 else running.store.promote("river", 2)
            wanted = "1" if turn % 2 else "2"
            eventually(lambda wanted=wanted: running.version() == wanted, 20)
            time.sleep(0.3)
    forecasts = {}
    for load in loads:
        assert load.errors == []
        assert {version for version, _ in load.answers} == {1, 2}
        for version, forecast in load.answers:
            assert forecasts.setdefault(version, forecast) == pytest.approx(forecast, abs=1e-5)
    assert forecasts[1] != pytest.approx(forecasts[2], abs=1e-3)
    assert sum(len(load.answers) for load in loads) > 200


def test_a_damaged_champion_leaves_the_old_one_serving_and_says_so_once(changing_server, candidates, eventually):
    running = changing_server
    running.store.promote("river", 2)
    eventually(lambda: running.version() == "2", 20)
    damaged = running.store.publish("lake", candidates["river-1"])
    shutil.copytree(running.store.path("lake", damaged), running.store.root / "river" / "3")
    with (running.store.root / "river" / "3" / "saved_model.pb").open("ab") as file:
        file.write(b"x")
    champion = {"version": 3, "previous": 2, "at": "2025-01-01T00:00:00+00:00"}
    (running.store.root / "river" / "champion.json").write_text(json.dumps(champion))
    eventually(lambda: "version 3 can't be served" in running.log.read_text(), 10)
    time.sleep(1)
    lines = [line for line in running.log.read_text().splitlines() if "can't be served" in line]
    assert len(lines) == 1
    assert "version 2 goes on serving" in lines[0]
    assert running.version() == "2"


def test_a_new_model_appears_without_a_restart(changing_server, candidates, windows, eventually):
    running = changing_server
    running.store.publish("pond", candidates["river-1"])
    time.sleep(0.5)
    assert running.version("pond") == ""
    running.store.promote("pond", 1)
    eventually(lambda: running.version("pond") == "1", 20)
    with connect(Address(running.url("v2-grpc"), "pond"), None) as client:
        assert client.predict(windows(1)).version == 1


def test_a_signal_drains_and_stops_every_server(start, store, load_of):
    running = start(store)
    loads = [load_of(running, protocol) for protocol in PROTOCOLS]
    with loads[0], loads[1], loads[2], loads[3]:
        time.sleep(0.5)
        start = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(15) == 0
        assert time.monotonic() - start < 5
        time.sleep(0.2)
    for load in loads:
        assert load.answers
        # What the server took it answered; what it didn't take any more found nobody there.
        assert {error.problem for error in load.errors} == {"no server answers there"}
    for port in (running.http, running.grpc, running.predict):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert "Traceback" not in running.log.read_text()


def test_the_largest_batch_in_flight_is_answered_before_ctrl_c_ends_the_server(start, store, windows):
    running = start(store)
    window = windows(4096)
    versions: list[int | None] = []

    def ask(protocol: str) -> None:
        with connect(Address(running.url(protocol), "river"), protocol) as client:
            versions.append(client.predict(window).version)

    threads = [threading.Thread(target=ask, args=(protocol,)) for protocol in ("v2-grpc", "tfserving")]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(15) == 0
    for thread in threads:
        thread.join()
    assert versions == [1, 1]


def test_an_absent_store_is_refused(tmp_path, ports):
    with pytest.raises(InputError, match="there is no such store"):
        serve(ServeOptions(tmp_path / "none", *ports))


def test_an_empty_store_is_refused(tmp_path, ports):
    with pytest.raises(InputError, match="holds no model with a champion"):
        serve(ServeOptions(tmp_path, *ports))


def test_a_store_whose_only_champion_is_damaged_is_refused_with_the_reason(tmp_path, candidates, ports):
    store = ModelStore(tmp_path)
    store.publish("river", candidates["river-1"])
    store.promote("river", 1)
    (store.path("river", 1) / "dataset.yaml").write_text("changed")
    with pytest.raises(InputError, match=r"river: version 1 can't be served: .*is damaged .*it isn't served"):
        serve(ServeOptions(tmp_path, *ports))


def test_a_taken_port_is_named_with_its_option(store, ports):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"--predict-port: port \d+ is in use"):
            serve(ServeOptions(store.root, *ports[:2], taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("ports", "problem"),
    [({"--http-port": 0}, "0 is no port"), ({"--http-port": 4242, "--grpc-port": 4242}, "given to --http-port too")],
)
def test_impossible_ports(ports, problem):
    with pytest.raises(InputError, match=problem):
        check_ports(ports)


class Shelf:
    """What a watcher has handed over, what it told Prometheus, and a clock that a test moves."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int]] = []
        self.staged: list[tuple[str, int | None]] = []
        self.loaded: dict[str, object] = {}
        self.registry = CollectorRegistry()
        self.now = 0.0

    def watch(self, store: ModelStore) -> StoreWatcher:
        return StoreWatcher(store, self, ServingMetrics(self.registry), self.clock)

    def show(self, champion) -> None:
        self.shown.append((champion.name, champion.version))
        self.loaded[champion.name] = champion

    def stage(self, model: str, candidate) -> None:
        self.staged.append((model, candidate.version if candidate else None))

    def refused(self) -> set[tuple[str, str, str]]:
        families = [family for family in self.registry.collect() if family.name == "sluice_version_refused"]
        labels = [sample.labels for family in families for sample in family.samples if sample.value == 1]
        return {(own["model"], own["version"], own["reason"]) for own in labels}

    def champion(self, model: str) -> tuple[float | None, float | None]:
        names = ("sluice_champion_version", "sluice_champion_promoted_timestamp_seconds")
        return tuple(self.registry.get_sample_value(name, {"model": model}) for name in names)

    def clock(self) -> float:
        return self.now


def test_the_watcher_loads_each_champion_once(store):
    shelf = Shelf()
    watcher = shelf.watch(store)
    watcher.check()
    watcher.check()
    assert shelf.shown == [("river", 1), ("tidal", 1)]
    store.promote("river", 2)
    watcher.check()
    assert shelf.shown[2:] == [("river", 2)]


def test_the_watcher_tries_a_broken_champion_again_after_a_minute(store, tmp_path):
    aside = tmp_path / "aside"
    shutil.copy(store.path("river", 1) / "saved_model.pb", aside)
    os.truncate(store.path("river", 1) / "saved_model.pb", 10)
    shelf = Shelf()
    watcher = shelf.watch(store)
    watcher.check()
    assert shelf.shown == [("tidal", 1)]
    assert len(watcher.failures) == 1
    shutil.copy(aside, store.path("river", 1) / "saved_model.pb")
    watcher.check()
    assert shelf.shown == [("tidal", 1)]
    shelf.now = 61.0
    watcher.check()
    assert shelf.shown == [("tidal", 1), ("river", 1)]
    assert watcher.failures == ()


def test_the_watcher_outlives_an_unreadable_champion_file(store):
    (store.root / "river" / "champion.json").write_text("{")
    shelf = Shelf()
    watcher = shelf.watch(store)
    watcher.check()
    assert shelf.shown == [("tidal", 1)]
    assert "the champion can't be read" in watcher.failures[0]
    (store.root / "river" / "champion.json").unlink()
    store.promote("river", 2)
    watcher.check()
    assert shelf.shown[-1] == ("river", 2)


def test_a_candidate_is_loaded_beside_the_champion_and_promoted_without_a_second_load(store):
    shelf = Shelf()
    watcher = shelf.watch(store)
    watcher.check()
    store.stage("river", 2)
    watcher.check()
    watcher.check()
    assert shelf.staged == [("river", 2)]
    store.promote("river", 2)
    shutil.rmtree(store.path("river", 2) / "variables")
    watcher.check()
    assert shelf.shown[2:] == [("river", 2)]
    assert shelf.staged == [("river", 2), ("river", None)]
    assert shelf.refused() == set()


def test_an_unstaged_candidate_is_no_longer_served(store):
    shelf = Shelf()
    watcher = shelf.watch(store)
    store.stage("river", 2)
    watcher.check()
    store.unstage("river")
    watcher.check()
    assert (shelf.shown, shelf.staged) == ([("river", 1), ("tidal", 1)], [("river", 2), ("river", None)])


def test_the_metrics_say_which_champion_serves_since_when(store):
    shelf = Shelf()
    watcher = shelf.watch(ModelStore(store.root, clock=lambda: 1_700_000_000.0))
    watcher.check()
    ModelStore(store.root, clock=lambda: 1_700_000_000.0).promote("river", 2)
    watcher.check()
    assert shelf.champion("river") == (2.0, 1_700_000_000.0)
    (store.root / "river" / "champion.json").write_text('{"version": 2, "previous": 1, "at": "long ago"}')
    watcher.check()
    version, at = shelf.champion("river")
    assert version == 2.0
    assert at != at


def break_file(folder) -> None:
    with (folder / "variables" / "variables.index").open("ab") as file:
        file.write(b"x")


def halve(folder) -> None:
    (folder / "checksums.json").unlink()


def empty_graph(folder) -> None:
    (folder / "saved_model.pb").write_bytes(b"")
    (folder / "checksums.json").write_bytes(checksums_of(folder).to_json())


BREAKS = {"damaged": break_file, "half written": halve, "missing": shutil.rmtree, "unloadable": empty_graph}


@pytest.mark.parametrize("role", ["champion", "candidate"])
@pytest.mark.parametrize("name", BREAKS)
def test_a_version_that_is_not_whole_is_never_loaded_and_the_metric_says_so(store, candidates, role, name):
    shelf = Shelf()
    watcher = shelf.watch(store)
    watcher.check()
    before = store.path("river", 2)
    BREAKS[name](before)
    facts = {"version": 2, "previous": 1, "at": "2026-01-01T00:00:00+00:00"}
    (store.root / "river" / f"{role}.json").write_text(json.dumps(facts))
    watcher.check()
    watcher.check()
    assert (shelf.shown, shelf.staged) == ([("river", 1), ("tidal", 1)], [])
    assert shelf.refused() == {("river", "2", "damaged" if name == "half written" else name)}
    assert "river: version 2 can't be served" in watcher.failures[0]
    assert "version 1 goes on serving" in watcher.failures[0]
    # Mended by another version in its place, the alert ends.
    (store.root / "river" / f"{role}.json").unlink()
    shutil.rmtree(before, ignore_errors=True)
    store.promote("river", 1)
    watcher.check()
    assert (shelf.refused(), watcher.failures) == (set(), ())


def test_a_half_written_folder_that_nobody_names_is_told_until_it_is_whole(store, candidates):
    shelf = Shelf()
    watcher = shelf.watch(store)
    (store.root / "river" / "7").mkdir()
    (store.root / "river" / ".incoming-1-elsewhere-x").mkdir()
    watcher.check()
    assert shelf.refused() == {("river", "7", "damaged")}
    assert shelf.shown == [("river", 1), ("tidal", 1)]
    shutil.copytree(store.path("river", 1), store.root / "river" / "7", dirs_exist_ok=True)
    watcher.check()
    assert shelf.refused() == set()


def test_an_unreadable_file_of_a_champion_or_candidate_is_told_by_the_metric(store):
    shelf = Shelf()
    watcher = shelf.watch(store)
    (store.root / "river" / "champion.json").write_text("{")
    (store.root / "tidal" / "candidate.json").write_text("{")
    watcher.check()
    assert shelf.shown == [("tidal", 1)]
    assert shelf.refused() == {("river", "0", "unreadable"), ("tidal", "0", "unreadable")}


def test_a_version_that_is_removed_from_the_store_goes_on_serving_from_memory(store, windows):
    shelf = Shelf()
    watcher = shelf.watch(store)
    watcher.check()
    river = shelf.loaded["river"]
    with ThreadPoolExecutor(1) as executor:
        served = in_process(river, executor)
        expected = river.answer({"window": windows(1)})["forecast"]
        shutil.rmtree(store.root / "river")
        watcher.check()
        while watcher._plain:
            watcher.tune()
        answered = asyncio.run(served.answer({"window": windows(1)}))
    np.testing.assert_allclose(answered.outputs["forecast"], expected, atol=1e-6)
    assert (served.folder.dataset.name, served.folder.members) == ("river", ("first", "second"))
    assert ("river", "1", "missing") not in shelf.refused()


def test_a_folder_that_is_no_servable_of_ours_is_told_why(store, tmp_path):
    import tensorflow as tf

    from serving.local.servable import load_servable

    class Doubling(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 2, 3), name="window")])
        def __call__(self, window):
            return {"forecast": window * 2}

    module = Doubling()
    tf.saved_model.save(module, str(tmp_path / "other"), signatures={"serving_default": module.__call__})
    with pytest.raises(InputError, match=r"lacks lower, upper, members, weights, spike_probability"):
        load_servable("other", 1, tmp_path / "other")
    with pytest.raises(InputError, match="can't be loaded as a SavedModel"):
        load_servable("none", 1, tmp_path)
