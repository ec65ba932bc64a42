"""Neuralforecast: LSTM, GRU, NHITS, PatchTST and their mean, trained one after the other within one budget.

What a network leaves of its share goes to those after it, so the quick ones come first.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MAE, MSE
from neuralforecast.models import GRU, LSTM, NHITS, PatchTST

from benchmarks.peers.pacing import LEAST_SECONDS, PROBE_STEPS, Plan, Watch, plan_of
from benchmarks.peers.tables import Table
from benchmarks.peers.task import Answer, Task

# Validations without progress, of at most ten, after which a network stops.
PATIENCE = 3
LOSSES: dict[str, Callable[[], torch.nn.Module]] = {"mae": MAE, "mse": MSE}


@dataclass(frozen=True)
class Recipe:
    """One network as it is built; whatever isn't stated is the library's default.

    Attributes:
        name: of the member.
        network: the class.
        input_size: look-back in rows.
        takes_past: whether it reads columns known up to the origin.
        settings: what differs from the library's defaults.
    """

    name: str
    network: Callable[..., Any]
    input_size: int
    takes_past: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


def recipes_of(table: Table) -> tuple[Recipe, ...]:
    """The four networks with their published look-backs on panels, and ours of a single series.

    N-HiTS: five times the horizon (Challu et al., 2023, AAAI, section 4). PatchTST: 512 rows, PatchTST/64, with the
    network and the 128 windows a step of its authors' script for ETTh1 (Nie et al., 2023, ICLR); the larger one of
    their ETTm1 script would take no more than some dozens of steps here. Its learning rate is ten times the library's
    and the script's, which are for thousands of steps: after 250 steps on ETTh1 the validation part's MAE was .556
    against .588. LSTM and GRU: the library's default of three times the horizon.
    """
    rows = table.longest
    looks = (5 * rows, 512, 3 * rows, 3 * rows) if table.is_panel else (table.window,) * 4
    small = {"n_heads": 4, "hidden_size": 16, "linear_hidden_size": 128, "dropout": 0.3, "fc_dropout": 0.3}
    pace = {"windows_batch_size": 128, "learning_rate": 1e-3}
    return (
        Recipe("nhits", NHITS, looks[0]),
        Recipe("patchtst", PatchTST, looks[1], takes_past=False, settings={**small, **pace}),
        Recipe("lstm", LSTM, looks[2]),
        Recipe("gru", GRU, looks[3]),
    )


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        recipe: how it was built.
        forecaster: the library's object around it.
        plan: the steps that it was given.
        steps: the steps that it took.
        validation_loss: the best one, scaled.
    """

    recipe: Recipe
    forecaster: NeuralForecast
    plan: Plan
    steps: int
    validation_loss: float

    def note(self) -> dict[str, float]:
        """What the run's record says of it."""
        return {
            "input_size": self.recipe.input_size,
            "steps": self.steps,
            "planned_steps": self.plan.steps,
            "validation_loss": self.validation_loss,
        }


def forecast(table: Table, task: Task) -> Answer:
    """Trains on the training part, stops on the validation part, forecasts every window of the test part."""
    _quiet()
    torch.set_num_threads(task.cores)
    scaled, center, scale = _scaled(table)
    began = time.monotonic()
    trained = _train_all(table, _long(table, scaled, table.parts.validation), task)
    seconds = time.monotonic() - began
    began = time.monotonic()
    whole = _long(table, scaled, table.parts.test)
    rolled = (_roll(one, whole, table) for one in trained)
    forecasts = _laid_out(rolled, table, center, scale)
    notes = {one.recipe.name: one.note() for one in trained}
    return Answer(forecasts, seconds, time.monotonic() - began, notes)


def _quiet() -> None:
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _scaled(table: Table) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    filled = table.filled()
    training = filled.iloc[: table.parts.train]
    center, scale = training.mean(), training.std(ddof=0)
    return (filled - center) / scale, center, scale


def _long(table: Table, scaled: pd.DataFrame, end: int) -> pd.DataFrame:
    """The library's layout of the first `end` rows: unique_id, ds, y and the past columns."""
    rows = scaled.iloc[:end]
    pieces = [
        rows[list(table.past)].assign(unique_id=series, ds=rows.index, y=rows[column])
        for series, column in table.targets.items()
    ]
    return pd.concat(pieces, ignore_index=True)


def _train_all(table: Table, known: pd.DataFrame, task: Task) -> list[Trained]:
    deadline = time.monotonic() + task.budget_seconds
    recipes = recipes_of(table)
    trained = []
    for done, recipe in enumerate(recipes):
        share = max((deadline - time.monotonic()) / (len(recipes) - done), LEAST_SECONDS)
        trained.append(_train(recipe, table, known, task, share))
    return trained


def _train(recipe: Recipe, table: Table, known: pd.DataFrame, task: Task, share: float) -> Trained:
    """A few steps to learn their cost, which count too, then as many as fit; it starts anew in between."""
    ends = time.monotonic() + share
    _, probe = _fit(recipe, table, known, task, Plan(PROBE_STEPS, PROBE_STEPS, share))
    plan = plan_of(ends - time.monotonic(), probe.cost)
    forecaster, watch = _fit(recipe, table, known, task, plan)
    return Trained(recipe, forecaster, plan, len(watch.steps), watch.best_loss)


def _fit(recipe: Recipe, table: Table, known: pd.DataFrame, task: Task, plan: Plan) -> tuple[NeuralForecast, Watch]:
    watch = Watch()
    network = recipe.network(
        h=table.longest,
        input_size=recipe.input_size,
        loss=LOSSES[task.loss](),
        max_steps=plan.steps,
        val_check_steps=plan.check_every,
        early_stop_patience_steps=PATIENCE,
        # One series a step: its windows are a view, those of several are copied whole before each step.
        batch_size=1,
        hist_exog_list=list(table.past) if recipe.takes_past and table.past else None,
        random_seed=task.seed,
        alias=recipe.name,
        accelerator="cpu",
        max_time={"seconds": plan.seconds},
        callbacks=[watch],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **recipe.settings,
    )
    forecaster = NeuralForecast([network], freq=table.step)
    forecaster.fit(known, val_size=table.parts.validation - table.parts.train)
    # The library may have copied the network, and the callback with it.
    own = forecaster.models[0].trainer_kwargs["callbacks"]
    return forecaster, next(callback for callback in own if isinstance(callback, Watch))


def _roll(trained: Trained, whole: pd.DataFrame, table: Table) -> tuple[str, pd.DataFrame]:
    """Scaled forecasts of every test window without training again, sorted by series, origin and horizon."""
    rows = table.parts.test - table.parts.validation
    frame = trained.forecaster.cross_validation(whole, n_windows=None, test_size=rows, step_size=1, use_fitted=True)
    return trained.recipe.name, frame


def _laid_out(
    rolled: Iterable[tuple[str, pd.DataFrame]], table: Table, center: pd.Series, scale: pd.Series
) -> pd.DataFrame:
    """One table of all members and their mean, in original units; the frames are read one by one."""
    laid_out = pd.DataFrame()
    for name, frame in rolled:
        if laid_out.empty:
            laid_out = _keys(frame, table.step)
            column = frame["unique_id"].astype(str).map(dict(table.targets))
            shift, factor = column.map(center).to_numpy(np.float64), column.map(scale).to_numpy(np.float64)
        laid_out[f"member_{name}"] = (frame[name].to_numpy() * factor + shift).astype(np.float32)
    return laid_out.assign(forecast=laid_out.filter(like="member_").mean(axis=1))


def _keys(frame: pd.DataFrame, step: str) -> pd.DataFrame:
    ahead = (frame["ds"] - frame["cutoff"]).dt.total_seconds() / pd.Timedelta(step).total_seconds()
    horizon = ahead.round().astype(np.int32)
    return pd.DataFrame(
        {"series": frame["unique_id"].astype("category"), "origin": frame["cutoff"], "horizon": horizon}
    )
