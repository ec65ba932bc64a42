"""What is asked of a training step reaches the recipe, the checkpoint's key and the step itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal
from components.preprocess.series import Series
from components.train.network import Start
from components.train.precision import compute_capability, precision_of
from components.train.recipe import Recipe
from components.train.step import TrainRequest, train_member
from components.train.task import Task
from components.train.training import Job, checkpoint_path
from components.train.wishes import StepWishes


def test_without_a_wish_the_recipe_is_the_usual_one_in_the_devices_precision() -> None:
    assert StepWishes().applied(Recipe()) == Recipe(precision=precision_of(compute_capability()))


def test_a_batch_is_one_of_windows_and_of_chunks_and_nothing_else_changes() -> None:
    recipe = StepWishes(batch=24, precision="mixed_bfloat16").applied(Recipe(learning_rate=0.5))
    assert recipe == Recipe(learning_rate=0.5, windows=24, chunks=24, precision="mixed_bfloat16")


@pytest.mark.parametrize(
    ("wishes", "where", "fix"),
    [
        ({"batch": -1}, "batch", "1 or more"),
        ({"micro_batch": -2}, "micro_batch", "1 or more"),
        ({"precision": "float16"}, "precision", "auto, float32, mixed_float16, mixed_bfloat16"),
    ],
)
def test_an_impossible_wish_is_refused(wishes: dict[str, object], where: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        StepWishes(**wishes)  # type: ignore[arg-type]
    assert caught.value.where == where
    assert fix in caught.value.fix


def test_checkpoints_of_other_batches_and_precisions_are_apart(
    series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    job = Job("rule_based", series, task, start, Recipe(), 0, 60.0, tmp_path)
    recipes = [StepWishes(batch, precision=name).applied(Recipe()) for batch in (0, 8) for name in ("float32", "auto")]
    recipes.append(StepWishes(precision="mixed_bfloat16").applied(Recipe()))
    paths = {checkpoint_path(replace(job, recipe=recipe)) for recipe in recipes}
    assert len(paths) == len(set(recipes))
    assert checkpoint_path(replace(job, recipe=StepWishes(precision="float32").applied(Recipe()))) == checkpoint_path(
        job
    )


def test_a_smaller_micro_batch_goes_on_from_the_checkpoint_but_not_to_the_last_bit(
    series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    job = Job("rule_based", series, task, start, Recipe(), 0, 60.0, tmp_path)
    assert checkpoint_path(replace(job, micro_batch=4)) == checkpoint_path(job)
    exact = replace(job, recipe=Recipe(steps=5, deterministic=True))
    assert checkpoint_path(replace(exact, micro_batch=4)) != checkpoint_path(exact)


def test_a_member_is_trained_as_it_is_wished(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    wishes = StepWishes(batch=6, micro_batch=4, precision="mixed_bfloat16")
    out = tmp_path / "member"
    request = TrainRequest(dataset, series_folder, "rule_based", 60.0, 1, None, out, steps=4, wishes=wishes)
    summary = train_member(request, Journal("", "train rule_based"))
    assert (summary.micro_batch, summary.precision) == (4, "mixed_bfloat16")
    recipe = json.loads((out / "member.json").read_text())["recipe"]
    assert (recipe["windows"], recipe["chunks"], recipe["precision"]) == (6, 6, "mixed_bfloat16")
