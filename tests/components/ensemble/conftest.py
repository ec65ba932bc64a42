"""A small basin, and three real Keras members trained on it as the training step leaves them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.dataset.schema import Column, Dataset, Rule, Spike, Then
from components.preprocess.series import Scaler, Series, Span
from components.preprocess.storage import digest_of, save_series
from components.preprocess.windows import gather_future, gather_targets, gather_windows, origins, spike_labels

ROWS, VALIDATION, TEST = 4000, 2400, 3400
WINDOW, HORIZONS = 24, (1, 3, 6)


@dataclass(frozen=True)
class Basin:
    """A dataset, its series, where the series is stored, and folders of members."""

    dataset: Dataset
    series: Series
    series_folder: Path
    members: tuple[Path, ...]

    def inputs(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs of the servable at some origins."""
        return member_inputs(self.dataset, self.series, rows)


def make_dataset(tide: Column, rules: tuple[Rule, ...] = ()) -> Dataset:
    return Dataset(
        name="basin",
        time="time",
        step="10min",
        columns={
            "level": Column(unit="m", limits=(0.0, 6.0)),
            "rain": Column(unit="mm", limits=(0.0, None), resample="sum"),
            "tide": tide,
        },
        calendar=("hour_of_day",),
        target="level",
        window=WINDOW,
        horizons=HORIZONS,
        spike=Spike(rise=0.15, within=6),
        rules=rules,
    )


def make_series(dataset: Dataset) -> Series:
    """A reservoir that fills with rain, drains, and breathes with the tide; some targets are not observed."""
    generator = np.random.default_rng(7)
    steps = np.arange(ROWS)
    storms = generator.random(ROWS) < 0.01
    rain = np.convolve(storms * generator.gamma(2.0, 4.0, ROWS), np.exp(-np.arange(12) / 4), "full")[:ROWS]
    tide = np.sin(2 * np.pi * steps / 74.5)
    level = np.empty(ROWS)
    store = 1.0
    for i in steps:
        store += 0.012 * rain[max(0, i - 2)] - 0.05 * (store - 1.0)
        level[i] = store + 0.1 * tide[i] + 0.004 * generator.standard_normal()
    hour = (steps % 144) / 6.0
    values = np.stack([level, rain, tide, hour], axis=1).astype(np.float32)
    observed = generator.random(ROWS) > 0.02
    train = values[:VALIDATION]
    series = Series(
        values=values,
        stamps=np.datetime64("2024-03-01T00:00", "ns") + steps * np.timedelta64(10, "m").astype("timedelta64[ns]"),
        observed=observed,
        usable=np.ones(ROWS, bool),
        inputs=dataset.inputs,
        target=0,
        spans=(Span("basin", 0, VALIDATION, TEST, ROWS),),
        scaler=Scaler(tuple(train.mean(axis=0).tolist()), tuple(train.std(axis=0).tolist())),
        spike_rise=0.15,
        spike_within=6,
        step_seconds=600,
        season=144,
        known=tuple(dataset.inputs.index(name) for name in dataset.known),
    )
    return Series(**{**series.__dict__, "digest": digest_of(series)})


@pytest.fixture(scope="session")
def basin(tmp_path_factory: pytest.TempPathFactory) -> Basin:
    """The basin with a ridge model, a GRU, and a convolution that also gives a spike logit."""
    rule = Rule(when="rain > 20 and level > 2", steps=2, then=Then(min=2.1))
    dataset = make_dataset(Column(unit="m", role="known"), (rule,))
    builders = {"linear": _linear, "residual_gru": _recurrent, "spike_detector": _convolution}
    return _basin(dataset, builders, tmp_path_factory.mktemp("basin"))


@pytest.fixture(scope="session")
def plain_basin(tmp_path_factory: pytest.TempPathFactory) -> Basin:
    """The same readings with nothing known ahead, no rules, and one member that gives no spike logit."""
    return _basin(make_dataset(Column(unit="m")), {"linear": _linear}, tmp_path_factory.mktemp("plain"))


def _basin(dataset: Dataset, builders: dict[str, Any], folder: Path) -> Basin:
    series = make_series(dataset)
    save_series(series, folder / "series")
    members = tuple(_write_member(name, build, dataset, series, folder / name) for name, build in builders.items())
    return Basin(dataset, series, folder / "series", members)


def member_inputs(dataset: Dataset, series: Series, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs of a member at some origins."""
    inputs = {"window": gather_windows(series.values, rows, dataset.window)}
    if dataset.known:
        inputs["future"] = gather_future(series.values, rows, max(dataset.horizons), series.known)
    return inputs


def _write_member(name, build, dataset, series, folder: Path) -> Path:
    import keras

    keras.utils.set_random_seed(3)
    model = _trained(build, dataset, series)
    folder.mkdir()
    model.save(folder / "model.keras")
    arrays = {}
    for part in ("validation", "test"):
        rows = origins(series, part, dataset.window, dataset.horizons)
        answer = model.predict(member_inputs(dataset, series, rows), batch_size=512, verbose=0)
        arrays |= {f"{part}_origins": rows, part: answer["forecast"]}
        if "spike" in answer:
            arrays[f"{part}_spike"] = answer["spike"].reshape(-1)
    np.savez(folder / "forecasts.npz", **arrays)
    (folder / "member.json").write_text(json.dumps({"name": name, "parameters": model.count_params()}))
    return folder


def _trained(build, dataset: Dataset, series: Series):
    rows = origins(series, "train", dataset.window, dataset.horizons)
    targets = gather_targets(series, rows, dataset.horizons)
    labels = spike_labels(series, rows)
    known = np.isfinite(targets).all(axis=1) & np.isfinite(labels)
    rows, targets, labels = rows[known], targets[known], labels[known]
    return build(dataset, series, member_inputs(dataset, series, rows), targets, labels)


def _inputs(dataset: Dataset, series: Series):
    import keras

    inputs = {"window": keras.Input((dataset.window, len(dataset.inputs)), name="window")}
    if dataset.known:
        inputs["future"] = keras.Input((max(dataset.horizons), len(dataset.known)), name="future")
    center, scale = np.array(series.scaler.center), np.array(series.scaler.scale)
    return inputs, keras.layers.Normalization(mean=center, variance=scale**2)(inputs["window"])


def _banded(inputs, change, deviation):
    """Point and quantiles [batch, horizons, 3] from the change since the last level."""
    from keras import ops

    point = inputs["window"][:, -1, :1] + change
    return ops.stack([point, point - deviation, point + deviation], axis=-1)


def _linear(dataset, series, given, targets, labels):
    import keras
    from sklearn.linear_model import Ridge

    inputs, scaled = _inputs(dataset, series)
    dense = keras.layers.Dense(len(dataset.horizons))
    change = dense(keras.layers.Flatten()(scaled))
    model = keras.Model(inputs, {"forecast": _banded(inputs, change, np.float32(0.02))}, name="model")
    rows = (given["window"] - np.array(series.scaler.center)) / np.array(series.scaler.scale)
    ridge = Ridge(10.0).fit(rows.reshape(len(targets), -1), targets - given["window"][:, -1, :1])
    dense.set_weights([ridge.coef_.T.astype(np.float32), ridge.intercept_.astype(np.float32)])
    return model


def _recurrent(dataset, series, given, targets, labels):
    import keras
    from keras import ops

    inputs, scaled = _inputs(dataset, series)
    joined = ops.concatenate([keras.layers.GRU(8)(scaled), keras.layers.Flatten()(inputs["future"])], axis=-1)
    change = 0.1 * keras.layers.Dense(len(dataset.horizons), kernel_initializer="zeros")(joined)
    forecast = _banded(inputs, change, np.float32(0.015))
    trainer = keras.Model(inputs, forecast[..., 0])
    trainer.compile("adam", "mae")
    trainer.fit(given, targets, batch_size=128, epochs=4, verbose=0)
    return keras.Model(inputs, {"forecast": forecast}, name="model")


def _convolution(dataset, series, given, targets, labels):
    import keras

    inputs, scaled = _inputs(dataset, series)
    pooled = keras.layers.Flatten()(keras.layers.Conv1D(4, 5, strides=2, activation="relu")(scaled))
    change = 0.1 * keras.layers.Dense(len(dataset.horizons))(pooled)
    spike = keras.layers.Dense(1)(pooled)[:, 0]
    forecast = _banded(inputs, change, np.float32(0.01))
    trainer = keras.Model(inputs, {"point": forecast[..., 0], "spike": spike})
    trainer.compile("adam", {"point": "mae", "spike": keras.losses.BinaryCrossentropy(from_logits=True)})
    trainer.fit(given, {"point": targets, "spike": labels}, batch_size=128, epochs=3, verbose=0)
    return keras.Model(inputs, {"forecast": forecast, "spike": spike}, name="model")
