from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.deploy.store import ModelStore
from components.errors import InputError
from components.journal import Journal, read_events
from components.validate.evaluate import EvaluateRequest, evaluate_champion


@pytest.fixture
def with_champion(creek, store: ModelStore) -> ModelStore:
    store.promote("creek", store.publish("creek", creek.candidate))
    return store


@pytest.fixture
def new_readings(make_readings, tmp_path: Path) -> str:
    """Five days as a CSV file with one row whose time can't be read."""
    readings = make_readings(5, 11).drop(columns="series")
    readings["time"] = readings["time"].astype(str)
    readings.loc[700, "time"] = "soon"
    readings.to_csv(tmp_path / "new.csv", index=False)
    return str(tmp_path / "new.csv")


def test_every_window_with_known_actuals_is_scored(creek, with_champion, new_readings: str, tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "work"), "evaluate")
    found = evaluate_champion(EvaluateRequest(creek.dataset, new_readings, with_champion), journal)
    assert (found.model, found.version) == ("creek", 1)
    assert (found.rows_in, found.rows_kept, found.rows_quarantined) == (720, 719, 1)
    # One missing row is filled; a window of 24 and 6 steps ahead leave 720 - 23 - 6 origins.
    assert found.windows == 720 - 23 - 6
    assert set(found.models) == {"ensemble", "steady", "linear", "persistence", "seasonal_naive"}
    assert found.models["ensemble"]["rmse"] < found.models["persistence"]["rmse"]
    assert found.models["steady"]["rmse"] == pytest.approx(found.models["persistence"]["rmse"], rel=1e-5)
    assert abs(found.coverage - 0.9) < 0.1
    assert read_events(str(tmp_path / "work"))[0][-1]["done"] == found.windows


def test_persistence_equals_its_definition(creek, with_champion, new_readings: str) -> None:
    found = evaluate_champion(EvaluateRequest(creek.dataset, new_readings, with_champion), Journal("", "evaluate"))
    level = pd.read_csv(new_readings)["level"].to_numpy(np.float32).astype(float)
    level[700] = np.nan
    ahead, now = level[24:-5], pd.Series(level).ffill().to_numpy()[23:-6]
    expected = np.sqrt(np.nanmean((ahead - now) ** 2))
    assert found.models["persistence"]["by_horizon"]["1"]["rmse"] == pytest.approx(expected, rel=1e-5)


def test_a_store_without_the_model_names_those_there(creek, with_champion, new_readings: str) -> None:
    other = creek.dataset.model_copy(update={"name": "brook"})
    with pytest.raises(InputError, match="no champion of model 'brook'") as caught:
        evaluate_champion(EvaluateRequest(other, new_readings, with_champion), Journal("", "evaluate"))
    assert "creek" in caught.value.fix


def test_a_dataset_that_the_champion_was_not_made_for(creek, with_champion, new_readings: str) -> None:
    other = creek.dataset.model_copy(update={"window": 12})
    with pytest.raises(InputError, match="another window"):
        evaluate_champion(EvaluateRequest(other, new_readings, with_champion), Journal("", "evaluate"))


def test_too_few_readings_for_a_window(creek, with_champion, new_readings: str, tmp_path: Path) -> None:
    pd.read_csv(new_readings).head(25).to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(InputError, match="24 readings without a gap"):
        evaluate_champion(EvaluateRequest(creek.dataset, str(tmp_path / "short.csv"), with_champion), Journal("", "e"))
