import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.dataset.load import dump_dataset
from components.deploy.store import ModelStore
from components.validate.aligned import align
from components.validate.bootstrap import Difference
from components.validate.champion import Match, Opponent, compare_with_champion, incompatible, sample
from components.validate.gate import Unmeasured


@pytest.fixture
def match(creek) -> Match:
    return match_of(creek, creek.dataset)


def match_of(creek, dataset) -> Match:
    aligned = align(pd.read_parquet(creek.forecasts), creek.series)
    return Match(dataset, creek.series, aligned, aligned.origins)


def compare(match: Match, store: ModelStore, version: int) -> Difference | Unmeasured:
    return compare_with_champion(match, Opponent(store, version), np.random.default_rng(0), lambda done, total: None)


def reason(found: Difference | Unmeasured) -> str:
    assert isinstance(found, Unmeasured)
    return found.reason


def test_the_same_model_is_a_tie(creek, match: Match, store: ModelStore) -> None:
    found = compare(match, store, store.publish("creek", creek.candidate))
    assert isinstance(found, Difference)
    assert found.estimate == pytest.approx(0, abs=1e-9)
    assert found.windows > 1000


def test_a_better_champion_is_told_from_noise(creek, match: Match, store: ModelStore, make_creek) -> None:
    version = store.publish("creek", creek.candidate)
    worse = creek.dataset.model_copy(update={"name": "creek"})
    readings = pd.read_parquet(creek.series_folder.parent / "readings.parquet")
    steady = make_creek(worse, readings, share=0.2)
    found = compare(match_of(steady, worse), store, version)
    assert isinstance(found, Difference)
    assert found.low > 0
    assert found.other_rmse == pytest.approx(compare(match, store, version).rmse, rel=1e-4)


def test_no_champion(match: Match, store: ModelStore) -> None:
    assert reason(compare(match, store, 0)) == "there is no champion yet"


def test_a_champion_that_is_gone_or_cannot_be_loaded_is_not_measured(
    creek, match: Match, store: ModelStore, tmp_path: Path
) -> None:
    assert "no version" in reason(compare(match, store, 7))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "dataset.yaml").write_text(dump_dataset(creek.dataset))
    (broken / "model_card.json").write_text(json.dumps({"name": "creek"}))
    assert "can't be asked" in reason(compare(match, store, store.publish("creek", broken)))


def test_incompatible_datasets_say_what_differs(creek) -> None:
    ours = creek.dataset
    assert incompatible(ours, ours) == ""
    assert "window: 12 instead of 24" in incompatible(ours, ours.model_copy(update={"window": 12}))
    assert "horizons: 2, 4" in incompatible(ours, ours.model_copy(update={"horizons": (2, 4)}))
    assert incompatible(ours, ours.model_copy(update={"horizons": (3, 12)})) == ""


def test_a_sample_is_spread_over_all_origins_in_runs() -> None:
    origins = np.arange(100, 10_100)
    chosen = sample(origins, most=1000, run=100)
    assert len(chosen) == 1000
    assert (chosen[0], chosen[-1]) == (100, 10_099)
    assert np.count_nonzero(np.diff(chosen) > 1) == 9
    np.testing.assert_array_equal(sample(origins, most=20_000, run=100), origins)
