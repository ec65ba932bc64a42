"""Sluice's own five members beside what the documents state of theirs."""

from __future__ import annotations

from pipelines.capacity.examples.comparison import Part, Row
from pipelines.capacity.examples.cycles import Configuration
from pipelines.capacity.examples.documents import HOUR_SECONDS, Documents
from pipelines.capacity.examples.room import DOES_NOT_FIT, FITS, GB
from pipelines.capacity.growth.predicted import (
    FIVE,
    architectures,
    mixed_precision_saving,
    pass_seconds,
    scoring_seconds,
    serving_need,
    stated_work,
    training_needs,
)
from pipelines.capacity.memory.bodies import BODIES, HEADS
from pipelines.capacity.memory.layer_chain import Chain
from pipelines.capacity.memory.needs import FRAMEWORK, card_use
from pipelines.capacity.ranges import Range

# The serving one, and the one that takes its place.
_VERSIONS = 2
_FORMULA = f"formula; {FRAMEWORK['cuda'].bytes / GB:g} GB of it framework and context"


def stated_layers_parameters(member: str, rows: int, columns: int) -> int:
    """Weights of a member's layers as core-v100 states them: plain inputs, and one dense unit as the answer."""
    chain = Chain(rows, columns, trained=False)
    BODIES[member](chain, lambda units: units)
    for units in HEADS.get(member, ()):
        chain.dense("head", units)
    chain.dense("answer", 1)
    return sum(layer.parameters for layer in chain.layers)


def own_part(documents: Documents, configuration: Configuration) -> Part:
    """What they take of this card: memory, a pass over the rows, a batch of forecasts."""
    rows = (*_own_memory(documents, configuration), *_own_time(documents, configuration))
    return Part("Sluice's own five members", rows)


def _own_memory(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    card, work = configuration.card(documents), stated_work(documents.catalogue)
    training = max(training_needs(card, work).values(), key=lambda need: need.total_bytes)
    serving = serving_need(work, _VERSIONS)
    both = card_use((training, serving), card.memory_bytes)
    peak = documents.row("Training, the largest", "GB", "training_memory_gb.now", training.total_bytes / GB, _FORMULA)
    answers = documents.row(
        f"Serving, {_VERSIONS} versions", "GB", "inference_memory_gb.ensemble", serving.total_bytes / GB, _FORMULA
    )
    verdict = FITS if both.fits else DOES_NOT_FIT
    return (
        documents.naming(peak, "formula_against_peak"),
        documents.naming(answers, "inference_weights"),
        documents.row(
            "Both on one card", "GB", "", both.used_bytes / GB, f"{verdict}: {both.spare_bytes / GB:.1f} GB are left"
        ),
    )


def _own_time(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    card, work = configuration.card(documents), stated_work(documents.catalogue)
    passes = pass_seconds(card, work)
    in_turn = sum(passes.values(), start=Range.exactly(0)) / HOUR_SECONDS
    one = documents.stated(f"one_model_hours.{configuration.stated_as}") * len(FIVE)
    longest = max(passes, key=lambda name: passes[name].high).replace("_", " ")
    latency = documents.stated("latency_seconds.gpu")
    at_once = f"all five; {latency} s are stated for one window"
    row = documents.row
    return (
        row(f"One pass over {work.records:,} rows", "h", "", in_turn, f"five in turn; {longest} takes most"),
        row("Passes in five stated trainings", "", "", one / in_turn, f"{one} h over that"),
        row(f"{work.scored:,} windows scored at once", "s", "", scoring_seconds(card, work), at_once),
    )


def parameters_part(documents: Documents) -> Part:
    """Weights and memory of each member, stated and real."""
    work = stated_work(documents.catalogue)
    built = architectures(work)
    rows = [
        documents.row(
            name.replace("_", " "),
            "parameters",
            f"member_parameters.{name}",
            stated_layers_parameters(name, work.window, work.columns),
            f"layers as stated; {built[name].parameters:,} as Sluice trains it",
        )
        for name in FIVE
    ]
    real = sum(stated_layers_parameters(name, work.window, work.columns) for name in FIVE)
    together = documents.row("five together", "parameters", "member_parameters.ensemble", real, "layers as stated")
    return Part("Parameters", (*rows, together))


def memory_part(documents: Documents, configuration: Configuration) -> Part:
    """Training memory of each member by formula."""
    work = stated_work(documents.catalogue)
    needs = training_needs(configuration.card(documents), work)
    framework = FRAMEWORK["cuda"].bytes
    rows: list[Row] = []
    for name, need in needs.items():
        how = f"a training step takes {(need.total_bytes - framework) / 1e6:.0f} MB, the rest is the framework"
        rows.append(documents.row(name.replace("_", " "), "GB", f"member_memory_gb.{name}", need.total_bytes / GB, how))
    together = sum(need.total_bytes for need in needs.values()) / GB
    rows.append(
        documents.row("five together", "GB", "member_memory_gb.ensemble", together, "each in a process of its own")
    )
    saving = Range.of(mixed_precision_saving(work).values()) * 100
    key = "mixed_precision_memory_saving_percent.any"
    rows.append(documents.row("Saved by mixed precision", "%", key, saving, "of a step; weights and optimiser stay"))
    return Part("Memory of each member", tuple(rows))
