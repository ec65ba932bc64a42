"""A creek with storms, a small servable that forecasts it, and what the steps before validation leave of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from components.dataset.load import dump_dataset
from components.dataset.schema import Column, Dataset, Missing
from components.deploy.store import ModelStore
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.step import PrepareRequest, prepare_series
from components.preprocess.storage import load_series
from components.preprocess.windows import gather_targets, gather_windows, origins
from components.train.baselines import persistence, seasonal_naive
from components.validate.saved_model import answers, load_saved_model
from components.validate.step import ValidateRequest

MEMBERS = ("steady", "linear")


def storm_readings(days: int, seed: int, name: str = "creek") -> pd.DataFrame:
    """Ten-minute readings: storms every few days, a level that answers them as a linear reservoir does."""
    generator = np.random.default_rng(seed)
    rows = days * 144
    rain = np.zeros(rows)
    for start in generator.integers(0, rows - 40, size=max(4, days // 2)):
        rain[start : start + 18] += generator.uniform(2, 8) * np.hanning(18)
    level = np.zeros(rows)
    for row in range(1, rows):
        level[row] = 0.965 * level[row - 1] + 0.02 * rain[max(0, row - 9)]
    level += 1.0 + 0.02 * np.sin(np.arange(rows) * 2 * np.pi / 144) + generator.normal(0, 0.003, rows)
    stamps = pd.date_range("2024-03-01", periods=rows, freq="10min", tz="UTC")
    return pd.DataFrame({"series": name, "time": stamps, "level": level, "rain": rain})


def creek_dataset(**parts: object) -> Dataset:
    columns = {
        "level": Column(unit="m", missing=Missing(max_gap=3)),
        "rain": Column(unit="mm", resample="sum", missing=Missing(fill="zero", max_gap=6)),
    }
    facts: dict[str, object] = {
        "name": "creek",
        "time": "time",
        "step": "10min",
        "timezone": "Asia/Seoul",
        "columns": columns,
        "target": "level",
        "window": 24,
        "horizons": (1, 3, 6),
        **parts,
    }
    return Dataset(**facts)  # type: ignore[arg-type]


def prepare(dataset: Dataset, readings: pd.DataFrame, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    readings.to_parquet(folder / "readings.parquet")
    prepare_series(PrepareRequest(dataset, folder / "readings.parquet", folder / "series"), Journal("", "preprocess"))
    return folder / "series"


def ridge(dataset: Dataset, series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Weights [window * columns + 1, horizons] of the change from the last value, and its residuals' spread."""
    rows = origins(series, "train", dataset.window, dataset.horizons)
    windows = gather_windows(series.values, rows, dataset.window).astype(np.float64)
    targets = gather_targets(series, rows, dataset.horizons).astype(np.float64)
    change = targets - windows[:, -1:, dataset.target_index]
    known = np.isfinite(change).all(axis=1)
    inputs = np.column_stack([windows.reshape(len(rows), -1), np.ones(len(rows))])[known]
    gram = inputs.T @ inputs + 1e-2 * np.eye(inputs.shape[1])
    weights = np.linalg.solve(gram, inputs.T @ change[known])
    return weights, (inputs @ weights - change[known]).std(axis=0)


class LinearServable(tf.Module):
    """The six outputs from a linear model and persistence, mixed by fixed weights."""

    def __init__(self, dataset: Dataset, series: Series, share: float) -> None:
        super().__init__()
        weights, spread = ridge(dataset, series)
        self.weights = tf.Variable(weights.astype(np.float32))
        self.half_width = tf.Variable((1.7 * spread).astype(np.float32))
        self.target, self.share, self.rise = dataset.target_index, share, series.spike_rise

    def __call__(self, window: tf.Tensor) -> dict[str, tf.Tensor]:
        flat = tf.reshape(window, (tf.shape(window)[0], -1))
        last = window[:, -1:, self.target]
        steady = tf.repeat(last, self.half_width.shape[0], axis=1)
        linear = last + tf.concat([flat, tf.ones_like(last)], axis=1) @ self.weights
        members = tf.stack([steady, linear], axis=1)
        weights = tf.ones_like(members) * tf.constant([1 - self.share, self.share])[None, :, None]
        forecast = tf.reduce_sum(weights * members, axis=1)
        rise = tf.reduce_max(forecast - last, axis=1)
        return {
            "forecast": forecast,
            "lower": forecast - self.half_width,
            "upper": forecast + self.half_width,
            "members": members,
            "weights": weights,
            "spike_probability": tf.sigmoid(8 * (rise - self.rise) / self.rise),
        }


def write_candidate(dataset: Dataset, series: Series, folder: Path, share: float = 1.0) -> Path:
    """A version folder without checksums, as the ensemble step leaves it."""
    servable = LinearServable(dataset, series, share)
    spec = tf.TensorSpec((None, dataset.window, len(dataset.inputs)), tf.float32, name="window")
    signature = tf.function(servable.__call__, input_signature=[spec])
    tf.saved_model.save(servable, str(folder), signatures={"serving_default": signature.get_concrete_function()})
    (folder / "dataset.yaml").write_text(dump_dataset(dataset))
    (folder / "model_card.json").write_text(json.dumps(card_of(dataset, series)))
    return folder


def card_of(dataset: Dataset, series: Series) -> dict[str, object]:
    history = [
        {"step": step, "seconds": step * 1.5, "loss": 1 / step, "validation_loss": 1.2 / step} for step in range(1, 9)
    ]
    detail = {"mode": "windows", "modes_tried": {"chunks": 0.031, "windows": 0.029}, "seconds": 12.0, "parameters": 99}
    return {
        "name": dataset.name,
        "created": "2024-05-01T00:00:00+00:00",
        "code_version": "c0de",
        "data_digest": series.digest,
        "dataset": dataset.model_dump(mode="json", by_alias=True),
        "inputs": list(dataset.inputs),
        "window": dataset.window,
        "horizons": list(dataset.horizons),
        "members": list(MEMBERS),
        "quantiles": list(dataset.quantiles),
        "parameters": 147,
        "signatures": ["serving_default"],
        "ensemble": {"kind": "caruana", "candidates": {"gating": 0.031, "caruana": 0.029, "equal": 0.04}},
        "spike": {"rise": series.spike_rise, "within": series.spike_within},
        "members_detail": [
            {
                **{"name": "steady", **detail, "seconds_from_scratch": 96.0, "history": history},
                **{"peak_memory_bytes": 4e8, "validation_rmse": 0.03},
            },
            {"name": "linear", "mode": "ridge", "modes_tried": {}, "seconds": 1.0, "parameters": 48, "history": []},
        ],
    }


def forecast_table(dataset: Dataset, series: Series, candidate: Path) -> pd.DataFrame:
    """forecasts.parquet of a candidate's answers at the test origins."""
    rows = origins(series, "test", dataset.window, dataset.horizons)
    asked = [answer for _, answer in answers(load_saved_model(candidate), dataset, series, rows)]
    answer = {name: np.concatenate([part[name] for part in asked]) for name in asked[0]}
    actual = gather_targets(series, rows, dataset.horizons)
    many = len(dataset.horizons)
    starts = [span.start for span in series.spans]
    names = np.array([span.name for span in series.spans])[np.searchsorted(starts, rows, side="right") - 1]
    known = np.isfinite(actual).ravel()
    columns = {
        "series": np.repeat(names, many),
        "origin": pd.DatetimeIndex(np.repeat(np.asarray(series.stamps[rows]), many)).tz_localize("UTC"),
        "horizon": np.tile(np.array(dataset.horizons, np.int32), len(rows)),
        "actual": actual.ravel(),
        **{name: answer[name].ravel() for name in ("forecast", "lower", "upper")},
        "spike_probability": np.repeat(answer["spike_probability"], many),
        **{f"member_{name}": answer["members"][:, at].ravel() for at, name in enumerate(MEMBERS)},
        "baseline_persistence": persistence(series, rows, dataset.horizons).ravel(),
        "baseline_seasonal_naive": seasonal_naive(series, rows, dataset.horizons).ravel(),
        **{f"weight_{name}": answer["weights"][:, at].ravel() for at, name in enumerate(MEMBERS)},
        **wider_band(answer),
        **{f"combined_{kind}": answer["members"][:, 1].ravel() for kind in ("caruana", "single")},
        "combined_mean": answer["members"].mean(axis=1).ravel(),
    }
    return pd.DataFrame(columns)[known].reset_index(drop=True)


def wider_band(answer: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A band with fixed widths, one and a half times as wide."""
    more = (answer["upper"] - answer["lower"]) / 4
    return {"static_lower": (answer["lower"] - more).ravel(), "static_upper": (answer["upper"] + more).ravel()}


def write_serving_verdict(path: Path, **facts: object) -> Path:
    """What the serving check leaves."""
    verdict = {
        "passed": True,
        "runtime": "inprocess",
        "problem": "",
        "differences": {"v1": 0.2, "tfserving": 0.25},
        "windows": 72,
        "load_seconds": 5.0,
        "latency_ms_p50": 6.0,
        "latency_ms_p99": 9.0,
        "large_batch_seconds": 0.9,
        "memory_bytes": 9e8,
    }
    path.write_text(json.dumps({**verdict, **facts}))
    return path


@dataclass(frozen=True)
class Creek:
    """All that the validate step reads."""

    dataset: Dataset
    series_folder: Path
    series: Series
    candidate: Path
    forecasts: Path
    ingested: Path
    serving: Path

    def request(self, out: Path, store: ModelStore, champion: int = 0) -> ValidateRequest:
        return ValidateRequest(
            dataset=self.dataset,
            ingested=self.ingested,
            series=self.series_folder,
            forecasts=self.forecasts,
            candidate=self.candidate,
            serving=self.serving,
            store=store,
            champion=champion,
            metrics=out / "metrics.json",
            gate=out / "gate.json",
            report=out / "report.html",
        )


MakeCreek = Callable[..., Creek]


@pytest.fixture(scope="session")
def make_creek(tmp_path_factory: pytest.TempPathFactory) -> MakeCreek:
    """Builds a creek from a dataset and readings."""

    def make(dataset: Dataset, readings: pd.DataFrame, share: float = 1.0) -> Creek:
        folder = tmp_path_factory.mktemp("creek")
        series_folder = prepare(dataset, readings, folder)
        series = load_series(series_folder)
        candidate = write_candidate(dataset, series, folder / "candidate", share)
        forecast_table(dataset, series, candidate).to_parquet(folder / "forecasts.parquet")
        counts = {
            "rows_in": len(readings) + 5,
            "rows_kept": len(readings),
            "rows_quarantined": 5,
            "cells_quarantined": 2,
        }
        (folder / "ingested.json").write_text(json.dumps({**counts, "seconds": 0.4}))
        serving = write_serving_verdict(folder / "serving.json")
        paths = (folder / "forecasts.parquet", folder / "ingested.json", serving)
        return Creek(dataset, series_folder, series, candidate, *paths)

    return make


@pytest.fixture(scope="session")
def creek(make_creek: MakeCreek) -> Creek:
    """Sixty days with a gap of four hours in the test part."""
    readings = storm_readings(60, seed=3)
    readings.loc[8000:8024, "level"] = np.nan
    return make_creek(creek_dataset(), readings)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store", clock=lambda: 1_700_000_000.0)


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    """Builds the creek's dataset; keywords replace its parts."""
    return creek_dataset


@pytest.fixture(scope="session")
def make_readings() -> Callable[..., pd.DataFrame]:
    """Builds readings with storms from days, seed and the series' name."""
    return storm_readings
