"""The servable: one keras.Model from raw readings to the six named outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from components.dataset.schema import Dataset
from components.ensemble.adjust import FixedWeights, MixMembers, RulesAndLimits, SpikeProbability, WidenBand
from components.ensemble.conformal import Widths
from components.ensemble.members import Members
from components.ensemble.selection import Weighting
from components.ensemble.signals import SignalPlan, WindowSignals
from components.ensemble.spikes import SpikeModel, spike_horizons

OUTPUTS = ("forecast", "lower", "upper", "members", "weights", "spike_probability")


@dataclass(frozen=True)
class Fitted:
    """All that was fitted on validation, and the widths as last calibrated.

    Attributes:
        weighting: the members' weights.
        signals: what the gating network sees.
        widths: put on both sides of the band.
        spike: logistic model of a spike.
        rise: rise that makes a spike, the target's unit.
        within: steps within which it must rise.
    """

    weighting: Weighting
    signals: SignalPlan
    widths: Widths
    spike: SpikeModel
    rise: float
    within: int


def build_head(dataset: Dataset, members: Members, fitted: Fitted) -> Any:
    """The combining part as a keras.Model, without the members.

    Inputs: `window` [batch, window, columns] raw units, `stacked` [batch, members, horizons, 3], and `logit` [batch]
    where a member gives a spike logit. Outputs: the six of the servable, by name.
    """
    window = keras.Input((dataset.window, len(dataset.inputs)), name="window")
    stacked = keras.Input((len(members.names), len(dataset.horizons), 3), name="stacked")
    inputs = {"window": window, "stacked": stacked}
    if members.spike_member is not None:
        inputs["logit"] = keras.Input((), name="logit")
    points = stacked[..., 0]
    weights = _weights(fitted, window, points)
    mixed = MixMembers(name="mix")(stacked, weights)
    widths = fitted.widths
    wide = WidenBand(widths.factors.tolist(), widths.floors.tolist(), name="widen")(mixed)
    answer = rules_and_limits(dataset)(window, wide)
    spike = SpikeProbability(
        coefficients=list(fitted.spike.coefficients),
        intercept=fitted.spike.intercept,
        rise=fitted.rise,
        horizons=spike_horizons(dataset.horizons, fitted.within),
        target=dataset.target_index,
        name="spike",
    )(window, mixed, inputs.get("logit"))
    values = (answer[..., 0], answer[..., 1], answer[..., 2], points, weights, spike)
    return keras.Model(inputs, dict(zip(OUTPUTS, values, strict=True)), name="head")


def build_servable(dataset: Dataset, members: Members, head: Any) -> Any:
    """One keras.Model: `window` (and `future` where columns are known ahead) -> the six outputs."""
    inputs = {"window": keras.Input((dataset.window, len(dataset.inputs)), name="window")}
    if dataset.known:
        inputs["future"] = keras.Input((max(dataset.horizons), len(dataset.known)), name="future")
    answers = {name: model(inputs) for name, model in _load_models(members).items()}
    given = {
        "window": inputs["window"],
        "stacked": ops.stack([answers[name]["forecast"] for name in members.names], axis=1),
    }
    if members.spike_member is not None:
        given["logit"] = ops.reshape(answers[members.spike_member]["spike"], (-1,))
    return keras.Model(inputs, head(given), name="servable")


def load_servable(path: Path) -> Any:
    """The servable as it was saved, ready to be asked; registers every layer that it may hold."""
    _register_layers()
    return keras.models.load_model(path, compile=False)


def portable(model: Any) -> Any:
    """Turns off cuDNN in every recurrent layer, in place: a graph traced with it runs on no other device."""
    for layer in model._flatten_layers():
        if hasattr(layer, "use_cudnn"):
            layer.use_cudnn = False
    return model


def _weights(fitted: Fitted, window: Any, points: Any) -> Any:
    gate, fixed = fitted.weighting.gate, fitted.weighting.fixed
    if gate is not None:
        return gate.network(WindowSignals(fitted.signals, name="window_signals")(window, points))
    assert fixed is not None
    return FixedWeights(fixed.tolist(), name="fixed_weights")(points)


def rules_and_limits(dataset: Dataset) -> RulesAndLimits:
    """The layer that applies a dataset's rules and limits."""
    rules = [
        {"when": rule.when, "steps": rule.steps, "min": rule.then.min, "max": rule.then.max, "add": rule.then.add}
        for rule in dataset.rules
    ]
    limits = list(dataset.columns[dataset.target].limits)
    return RulesAndLimits(list(dataset.inputs), rules, limits, name="rules_and_limits")


def _load_models(members: Members) -> dict[str, Any]:
    _register_layers()
    models: dict[str, Any] = {}
    for name, folder in zip(members.names, members.folders, strict=True):
        model = keras.models.load_model(folder / "model.keras", compile=False)
        # Two members may have been built under one name, and layers of one model need different names.
        model.name = name
        models[name] = portable(model)
    return models


def _register_layers() -> Sequence[object]:
    """Importing a module registers its layers with Keras, which needs them to read a saved model."""
    import components.ensemble.gating
    import components.train.layers
    import components.train.patches
    import components.train.segments

    own = (components.train.layers, components.train.patches, components.train.segments)
    return (components.ensemble.gating, *own)
