"""A warm start answers as the champion does, learns what is new, and keeps what is old."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal
from components.preprocess.generations import generation_of, newer, older, with_spans
from components.preprocess.series import Series, Span
from components.preprocess.storage import digest_of, save_series
from components.preprocess.windows import gather_targets, origins
from components.train.checkpoint import load_checkpoint
from components.train.network import Mode, Start, assemble
from components.train.refit import refitted
from components.train.replay import ReplaySampler, replay_sampler_of
from components.train.ridge import fit_ridge
from components.train.sampling import window_inputs
from components.train.step import MODEL_FILE, TrainRequest, train_member
from components.train.task import Task
from components.train.warm_start import CARD_FILE, Replay, member_file, warm_facts, warm_start_of

MEMBERS = ("stacked_lstm", "residual_gru", "cnn_lstm", "spike_detector", "rule_based", "patchtst")


def put(folder: Path, member: str, model: keras.Model, facts: Mapping[str, object]) -> Path:
    """A champion as the step that takes it leaves it."""
    folder.mkdir(exist_ok=True)
    model.save(member_file(folder, member))
    (folder / CARD_FILE).write_text(json.dumps({"members_detail": [{"name": member, **facts}]}))
    return folder


def parts(member: str, task: Task) -> object:
    return importlib.import_module(f"components.train.members.{member}").parts(task)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("mode", ["windows", "chunks"])
def test_before_any_step_it_answers_as_the_champion(
    member: str, mode: Mode, series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    built = parts(member, task)
    if mode == "chunks" and not built.causal:  # type: ignore[attr-defined]
        pytest.skip("not causal")
    champion = assemble(task, built, start, mode)  # type: ignore[arg-type]
    generator = np.random.default_rng(1)
    champion.serving.set_weights([w + 0.1 * generator.normal(size=w.shape) for w in champion.serving.get_weights()])
    facts = {"mode": mode, "seconds": 8.0, "warm_start": warm_facts(task, start, series, None)}
    # Other readings: other scales, which must not matter.
    today = replace(task, center=tuple(2 * c + 1 for c in task.center), scale=tuple(3 * s for s in task.scale))
    warm = warm_start_of(put(tmp_path / "taken", member, champion.serving, facts), member, today, Replay())
    again = assemble(warm.task, parts(member, warm.task), warm.start, mode)  # type: ignore[arg-type]
    warm.give(again.serving)
    inputs = window_inputs(series, task, origins(series, "test", task.window, task.horizons)[:40])
    ours, theirs = again.serving.predict_on_batch(inputs), champion.serving.predict_on_batch(inputs)
    np.testing.assert_allclose(ours["forecast"], theirs["forecast"], atol=2e-5)


@pytest.fixture
def grown(series: Series) -> Series:
    """The river in two generations; in the newer one the level is 1.6 times as high."""
    old = np.array(series.values)
    new = np.array(series.values)
    new[:, 0] *= 1.6
    values = np.concatenate([old, new])
    rows = len(old)
    stamps = series.stamps[0] + np.arange(2 * rows) * np.timedelta64(1, "h")
    spans = (*series.spans, Span("river", rows, rows + 1000, rows + 1250, 2 * rows))
    both = replace(
        series,
        values=values,
        stamps=stamps,
        observed=np.tile(series.observed, 2),
        usable=np.tile(series.usable, 2),
        spans=spans,
    )
    return replace(both, digest=digest_of(both))


@pytest.fixture
def champion(dataset: Dataset, series_folder: Path, tmp_path: Path) -> Path:
    """A member trained for a while on the old readings."""
    out = tmp_path / "champion"
    train_member(TrainRequest(dataset, series_folder, "rule_based", 60, 0, None, out, steps=150), Journal("", "train"))
    facts = json.loads((out / "member.json").read_text())
    model = keras.models.load_model(out / MODEL_FILE, compile=False)
    return put(tmp_path / "taken", "rule_based", model, facts)


@pytest.fixture
def steady(series: Series) -> Series:
    """The river in two generations of the same kind."""
    (span,) = series.spans
    end = span.validation - 300
    spans = (Span("river", 0, end - 200, end - 100, end), replace(span, start=end))
    return replace(series, spans=spans)


def test_the_linear_forecast_is_that_of_all_readings_where_it_is_better(
    steady: Series, task: Task, champion: Path, tmp_path: Path
) -> None:
    warm = warm_start_of(champion, "rule_based", task, Replay())
    warm = replace(warm, generations=(generation_of(steady, steady.spans[:1]),))
    ridge = warm.start.ridge
    poor = replace(warm, start=replace(warm.start, ridge=replace(ridge, kernel=0.5 * ridge.kernel)))
    better = refitted(steady, poor, tmp_path / "linear")
    anew = fit_ridge(steady, warm.task, ridge.layout)
    np.testing.assert_allclose(better.start.ridge.kernel[-anew.rows :], anew.kernel)
    assert better.digest != poor.digest
    networks = assemble(warm.task, parts("rule_based", warm.task), better.start, warm.mode)  # type: ignore[arg-type]
    better.give(networks.serving)
    given = np.asarray(networks.serving.get_layer("linear_forecast").kernel) * np.asarray(better.start.scale)
    np.testing.assert_allclose(given, better.start.ridge.kernel, rtol=1e-5, atol=1e-7)


def test_the_champions_linear_forecast_stays_where_another_would_forget_old_storms(
    grown: Series, task: Task, champion: Path
) -> None:
    warm = warm_start_of(champion, "rule_based", task, Replay())
    assert refitted(grown, warm, None) is warm


def rmse(model: keras.Model, task: Task, series: Series) -> float:
    rows = origins(series, "test", task.window, task.horizons)
    forecast = model.predict_on_batch(window_inputs(series, task, rows))["forecast"][..., 0]
    return float(np.sqrt(np.nanmean((np.asarray(forecast) - gather_targets(series, rows, task.horizons)) ** 2)))


def test_it_gets_better_on_new_readings_and_forgets_no_old_storm(
    dataset: Dataset, grown: Series, champion: Path, tmp_path: Path
) -> None:
    save_series(grown, tmp_path / "grown")
    request = TrainRequest(
        dataset, tmp_path / "grown", "rule_based", 60, 0, None, tmp_path / "next", steps=80, warm_start=champion
    )
    train_member(request, Journal("", "train"))
    task, until = Task.of(dataset, grown), str(grown.stamps[1499])
    models = [
        keras.models.load_model(path, compile=False)
        for path in (member_file(champion, "rule_based"), tmp_path / "next" / MODEL_FILE)
    ]
    new = with_spans(grown, newer(grown, until))
    old = with_spans(grown, older(grown, until))
    (new_before, new_after), (old_before, old_after) = ([rmse(m, task, part) for m in models] for part in (new, old))
    assert new_after < 0.99 * new_before
    assert old_after < 1.05 * old_before
    facts = json.loads((tmp_path / "next" / "member.json").read_text())
    kept = facts["warm_start"]
    assert [each["until"] for each in kept["generations"]] == [until, str(grown.stamps[-1])]
    first = json.loads((champion / CARD_FILE).read_text())["members_detail"][0]
    assert kept["task"]["scale"] == first["warm_start"]["task"]["scale"]
    assert facts["seconds_from_scratch"] == first["seconds"]


@pytest.mark.parametrize("mode", ["windows", "chunks"])
def test_a_batch_holds_the_share_of_old_readings(
    mode: Mode, grown: Series, series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    networks = assemble(task, parts("rule_based", task), start, mode)  # type: ignore[arg-type]
    facts = {"mode": mode, "seconds": 8.0, "warm_start": warm_facts(task, start, series, None)}
    folder = put(tmp_path / "taken", "rule_based", networks.serving, facts)
    warm = warm_start_of(folder, "rule_based", task, Replay(0.25))
    sampler = replay_sampler_of(grown, warm, networks)
    assert isinstance(sampler, ReplaySampler)
    generator = np.random.default_rng(0)
    batch = sampler.draw(generator, 16)
    assert len(batch.inputs["window"]) == 16
    old = sampler.old.draw(generator, 4).inputs["window"]
    drawn = [sampler.old.draw(generator, 64).weights["change"].mean() for _ in range(60)]
    assert len(old) == 4
    assert np.mean(drawn) == pytest.approx(1.0, abs=0.06)
    levels = np.asarray(grown.values[1500:, 0])
    assert np.isin(batch.inputs["window"][:12, -1, 0], levels).all()


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_leaves_no_new_reading_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="--replay"):
        Replay(share)


def test_a_member_that_the_champion_lacks_is_refused(champion: Path, task: Task) -> None:
    with pytest.raises(InputError, match="not in the champion"):
        warm_start_of(champion, "stacked_lstm", task, Replay())


def test_a_champion_without_scales_is_refused(champion: Path, task: Task) -> None:
    (champion / CARD_FILE).write_text(json.dumps({"members_detail": [{"name": "rule_based", "mode": "windows"}]}))
    with pytest.raises(InputError, match="train from scratch"):
        warm_start_of(champion, "rule_based", task, Replay())


def test_another_window_is_refused(champion: Path, task: Task) -> None:
    with pytest.raises(InputError, match="another window"):
        warm_start_of(champion, "rule_based", replace(task, window=20), Replay())


def test_the_generation_ends_with_the_last_reading_of_the_target(series: Series) -> None:
    observed = np.array(series.observed)
    observed[-24:] = False
    assert generation_of(replace(series, observed=observed), series.spans).until == str(series.stamps[-25])


SCRIPT = """
import sys
from pathlib import Path
import components.train.training as training
from components.dataset.load import parse_dataset
from components.journal import Journal
from components.train.step import TrainRequest, train_member

training.CHECKPOINT_SECONDS = 0.2
folder, steps, out = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
request = TrainRequest(
    parse_dataset((folder / "river.yaml").read_text(), "river.yaml"), folder / "grown", "rule_based", 60, 0,
    folder / sys.argv[4], folder / out, steps=steps, deterministic=True, warm_start=folder / "taken",
)
train_member(request, Journal("", "train"))
"""


def test_killed_and_resumed_it_ends_with_the_same_weights(
    dataset: Dataset, grown: Series, champion: Path, tmp_path: Path
) -> None:
    save_series(grown, tmp_path / "grown")
    (tmp_path / "river.yaml").write_text(dump_dataset(dataset))

    def start(out: str, work: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), "120", out, work])

    killed = start("resumed", "work")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and killed.poll() is None:
        found = list((tmp_path / "work" / "checkpoints").glob("*/checkpoint.npz"))
        if found and any(run.step > 5 for run in load_checkpoint(found[0]).values()):
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert start("resumed", "work").wait() == 0
    assert start("whole", "other").wait() == 0
    resumed, whole = (
        keras.models.load_model(tmp_path / name / MODEL_FILE, compile=False).get_weights()
        for name in ("resumed", "whole")
    )
    for ours, theirs in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
