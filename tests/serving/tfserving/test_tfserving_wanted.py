"""Which versions a TensorFlow Serving is given, when some are damaged or can't be loaded."""

import pytest
from prometheus_client import CollectorRegistry

from serving.server.metrics import ServingMetrics
from serving.tfserving.rollout import Wanted
from serving.tfserving.wanted import AGAIN_SECONDS, RETRY_SECONDS, WantedVersions


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def wanted(store, clock, registry) -> WantedVersions:
    return WantedVersions(store, ServingMetrics(registry), clock)


def test_champions_and_candidates_are_wanted(wanted, store):
    store.stage("river", 2)
    assert wanted.now({}) == {"river": Wanted(1, 2), "tidal": Wanted(1)}
    assert wanted.wants("river", 2)
    assert not wanted.wants("river", 3)


def test_a_damaged_version_is_never_wanted_and_the_metrics_say_so(wanted, store, registry):
    (store.path("river", 2) / "saved_model.pb").write_bytes(b"x")
    (store.root / "river" / "champion.json").write_text('{"version": 2, "previous": 1, "at": "2025-01-01T00:00:00Z"}')
    assert wanted.now({"river": 1})["river"] == Wanted(1)
    assert "river" not in wanted.now({})
    labels = {"model": "river", "version": "2", "reason": "damaged"}
    assert registry.get_sample_value("sluice_version_refused", labels) == 1
    assert "version 2 can't be served" in wanted.problems[0]


def test_one_that_the_server_can_not_load_is_tried_again_after_a_minute(wanted, clock):
    wanted.now({})
    wanted.failing("river", 1, "no such op")
    assert "river" not in wanted.now({})
    clock.now += RETRY_SECONDS
    assert wanted.now({})["river"] == Wanted(1)
    # The server still tells of the last time until it has read the new config.
    wanted.failing("river", 1, "no such op")
    assert wanted.now({})["river"] == Wanted(1)
    clock.now += AGAIN_SECONDS
    wanted.failing("river", 1, "no such op")
    assert "river" not in wanted.now({})


def test_a_restart_begins_with_what_answered_before(wanted, store):
    wanted.now({})
    store.promote("river", 2)
    assert wanted.to_start({"river": 1})["river"] == Wanted(1)
    assert wanted.now({"river": 1})["river"] == Wanted(2)


def test_a_restart_with_a_version_that_was_damaged_meanwhile_leaves_it_out(wanted, store):
    wanted.now({})
    (store.path("river", 1) / "saved_model.pb").write_bytes(b"x")
    assert wanted.now({"river": 1})["river"] == Wanted(1), "files are read once while it runs"
    assert "river" not in wanted.to_start({"river": 1})


def test_an_unreadable_champion_file_harms_no_other_model(wanted, store):
    (store.root / "river" / "champion.json").write_text("{")
    assert wanted.now({}) == {"tidal": Wanted(1)}
    assert wanted.now({"river": 1}) == {"river": Wanted(1), "tidal": Wanted(1)}
