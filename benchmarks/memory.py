"""Memory of a training step in three columns: by formula, as the compiler assigns it, as a process was seen to take it.

    python benchmarks/memory.py [--members a,b] [--batches 8,32] [--columns compiled,observed,inference] [--window 100]
        [--segment 1] [--own-unit] [--width stated] [--mode windows] [--model FILE.keras]

Megabytes of 10^6 bytes. `compiled` is XLA's buffer assignment of the very step on a CPU; the formula beside it is of a
compiled step. `observed` is what a process takes beyond its network, its optimiser and its tracing, operation by
operation as the trainer computes; the formula beside it is of that. All six members at four batch sizes take about ten
minutes of one core, with a process each.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass

from components.train.architecture import Architecture
from components.train.memory import Step, inference_memory, training_memory
from pipelines.capacity.memory.compiled import compiled_memory
from pipelines.capacity.memory.members import NETWORKS, Setting, member_architecture, mode_of
from pipelines.capacity.memory.observed import observed_memory
from pipelines.capacity.memory.subject import Subject

MB = 1e6


@dataclass(frozen=True)
class Line:
    """One figure of the table beside its formula, in bytes."""

    subject: str
    batch: int
    column: str
    formula_bytes: int
    found_bytes: int

    @property
    def ratio(self) -> float:
        """The formula's share of what was found."""
        return self.formula_bytes / self.found_bytes

    def __str__(self) -> str:
        formula, found = self.formula_bytes / MB, self.found_bytes / MB
        return f"{self.subject:<28}{self.batch:>6}   {self.column:<10}{formula:>10.1f}{found:>10.1f}{self.ratio:>8.2f}"


def main() -> None:
    """Prints a line per network, batch and column, and the largest factor between a formula and what was found."""
    options = _options()
    columns = options.columns.split(",")
    batches = tuple(int(size) for size in options.batches.split(","))
    print(f"{'network':<28}{'batch':>6}   {'column':<10}{'formula':>10}{'found':>10}{'ratio':>8}")
    lines: list[Line] = []
    for subject, architecture in _subjects(options):
        for line in _lines(subject, architecture, batches, columns):
            print(line, flush=True)
            lines.append(line)
    for column in columns:
        ratios = [line.ratio for line in lines if line.column == column]
        worst = max(max(ratio, 1 / ratio) for ratio in ratios)
        print(f"{column}: formula / found from {min(ratios):.2f} to {max(ratios):.2f}, a factor of {worst:.2f} at most")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", default=",".join(NETWORKS))
    parser.add_argument("--batches", default="8,32,64,256")
    parser.add_argument("--columns", default="compiled,observed", help="of compiled, observed and inference")
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--segment", type=int, default=1)
    parser.add_argument("--own-unit", action="store_true")
    parser.add_argument("--width", choices=("stated", "light"), default="stated")
    parser.add_argument("--mode", choices=("chunks", "windows", "segments"), default=None)
    parser.add_argument("--model", default="", help="a saved Keras model in place of the members")
    return parser.parse_args()


def _subjects(options: argparse.Namespace) -> Iterator[tuple[Subject, Architecture]]:
    if options.model:
        import keras

        from components.train.architecture_reader import architecture_of

        model = keras.saving.load_model(options.model, compile=False)
        yield Subject(model=options.model), architecture_of(model, os.path.basename(options.model))
        return
    setting = Setting(options.window, segment=options.segment, width=options.width, own_unit=options.own_unit)
    for member in options.members.split(","):
        mode = options.mode or mode_of(member, setting)
        yield Subject(member, setting, mode), member_architecture(member, setting, mode)


def _lines(
    subject: Subject, architecture: Architecture, batches: tuple[int, ...], columns: list[str]
) -> Iterator[Line]:
    name = f"{architecture.name} {subject.mode or ''}"
    if "compiled" in columns:
        for found in compiled_memory(subject, batches, os.environ):
            formula = training_memory(architecture, Step(found.batch, execution="xla")).total_bytes
            yield Line(name, found.batch, "compiled", formula, found.total_bytes)
    if "inference" in columns:
        for found in compiled_memory(subject, batches, os.environ, "inference"):
            formula = inference_memory(_serving(subject, architecture), found.batch).total_bytes
            yield Line(f"{architecture.name} answering", found.batch, "inference", formula, found.total_bytes)
    if "observed" in columns:
        for batch in batches:
            seen = observed_memory(subject, batch, os.environ)
            formula = training_memory(architecture, Step(batch)).growth_bytes
            yield Line(name, batch, "observed", formula, seen.step_bytes)
        print(f"{name}: {seen.import_bytes / MB:.0f} MB before it, {seen.traced_bytes / MB:.0f} MB of it traced")


def _serving(subject: Subject, architecture: Architecture) -> Architecture:
    """What answers looks at windows, also where training looks at chunks."""
    if not subject.member:
        return architecture
    return member_architecture(subject.member, subject.setting, "windows" if subject.mode == "chunks" else subject.mode)


if __name__ == "__main__":
    main()
