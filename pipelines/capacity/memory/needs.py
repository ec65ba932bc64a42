"""What a workload needs of a device, term by term, and what fits on a card together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from components.errors import InputError
from components.train.architecture import Architecture
from components.train.layer_memory import Execution
from components.train.memory import (
    LayerMemory,
    Optimizer,
    Step,
    TrainingMemory,
    inference_memory,
    training_memory,
)

if TYPE_CHECKING:
    from components.train.precision import Precision

Device = Literal["cuda", "cpu"]
_EXECUTION: Mapping[Device, Execution] = MappingProxyType({"cuda": "cudnn", "cpu": "graph"})


@dataclass(frozen=True)
class Term:
    """One part of a need.

    Attributes:
        name: of the part.
        bytes: that it takes.
        note: where the figure comes from, where that is not the formula.
    """

    name: str
    bytes: int
    note: str = ""


# What a process takes of its device before any tensor. On a card: the driver's context with the kernels of all
# libraries, about 300 MB where they are loaded when needed and over 1,000 MB where they are not (pytorch/pytorch,
# issues 107667 and 28394, the latter on a Titan V); the larger. On a CPU: TensorFlow 2.21 and Keras imported and one
# sum computed, 723 MB, and up to 182 MB more for tracing a member's steps (benchmarks/memory.py prints both).
FRAMEWORK: Mapping[Device, Term] = MappingProxyType(
    {
        "cuda": Term("framework and context", 1_000_000_000, "pytorch/pytorch, issue 107667; not measured here"),
        "cpu": Term("framework", 905_000_000, "measured, TensorFlow 2.21: 723 MB, and 182 MB for tracing"),
    }
)
# Its size is asked of cuDNN on a device alone (`cudnnGetRNNTempSpaceSizes`); MIOpen answers the same question in the
# open (src/rnn.cpp, `GetReserveSize`).
_RESERVE_NOTE = "after MIOpen's, its open counterpart; not measured"


@dataclass(frozen=True)
class MemoryNeed:
    """What a workload needs of a device.

    Attributes:
        name: of the workload.
        terms: of which it is the sum.
        layers: activations by layer, of a network that is trained.
    """

    name: str
    terms: tuple[Term, ...]
    layers: tuple[LayerMemory, ...] = ()

    @property
    def total_bytes(self) -> int:
        """All terms together."""
        return sum(term.bytes for term in self.terms)


@dataclass(frozen=True)
class CardUse:
    """Workloads on one card, each in a process with a context of its own.

    TensorFlow takes memory in regions, each twice the last (bfc_allocator.cc, `Extend`): a process may hold more than
    it uses until the card or a cap (`--memory`) ends it, and takes less where there is less.

    Attributes:
        needs: of the workloads.
        memory_bytes: of the card.
    """

    needs: tuple[MemoryNeed, ...]
    memory_bytes: int

    @property
    def used_bytes(self) -> int:
        """All needs together."""
        return sum(need.total_bytes for need in self.needs)

    @property
    def spare_bytes(self) -> int:
        """What is left; negative where they don't fit."""
        return self.memory_bytes - self.used_bytes

    @property
    def fits(self) -> bool:
        """Whether all fit at once."""
        return self.spare_bytes >= 0

    @property
    def by_workload(self) -> tuple[tuple[str, int], ...]:
        """Name and bytes of each, in their order."""
        return tuple((need.name, need.total_bytes) for need in self.needs)


def training_need(
    architecture: Architecture,
    batch: int,
    precision: Precision,
    optimizer: Optimizer,
    accumulation: int,
    device: Device,
) -> MemoryNeed:
    """A training's need, as `components.train` computes it: recurrent layers by cuDNN on a card.

    Args:
        architecture: of the training network.
        batch: windows or chunks of a step.
        precision: of the network's own layers.
        optimizer: what moves the weights.
        accumulation: micro-batches of a step.
        device: that it runs on.

    Raises:
        InputError: a number is below 1, or there are more micro-batches than windows.
    """
    _at_least_one("batch", batch)
    _at_least_one("accumulation", accumulation)
    if accumulation > batch:
        raise InputError("accumulation", f"{accumulation} micro-batches of {batch} windows", f"give at most {batch}")
    # The trainer draws a batch ahead in the host's memory (components.train.batch_feed).
    execution, prefetched = _EXECUTION[device], 1 if device == "cpu" else 0
    step = Step(batch, accumulation, precision, optimizer, prefetched=prefetched, execution=execution)
    found = training_memory(architecture, step)
    return MemoryNeed(architecture.name, (FRAMEWORK[device], *_training_terms(found, step)), found.layers)


def _training_terms(found: TrainingMemory, step: Step) -> tuple[Term, ...]:
    half = "" if step.precision == "float32" else "float32, and a half precision copy to compute with"
    sums = "" if step.accumulation == 1 else "of a micro-batch, and their sum"
    at_once = "" if step.accumulation == 1 else f"of {step.micro_batch} windows or chunks at once"
    terms = (
        Term("weights", found.weights_bytes, half),
        Term("gradients", found.gradients_bytes, sums),
        Term("optimiser and moving average", found.optimizer_bytes),
        Term("batch", found.batch_bytes, at_once),
        Term("prefetched batch", found.prefetch_bytes),
        Term("activations", found.activations_bytes, at_once),
        Term("workspace", found.workspace_bytes),
    )
    if step.execution != "cudnn":
        return terms
    return (*terms, Term("cuDNN's reserve space", found.cudnn_reserve_bytes, _RESERVE_NOTE))


def inference_need(
    architectures: Sequence[Architecture], batch: int, precision: Precision, versions: int, device: Device
) -> MemoryNeed:
    """What an ensemble needs to answer a batch: its members side by side, in each version that is loaded.

    Args:
        architectures: of the members.
        batch: windows that are answered at once.
        precision: of weights and activations.
        versions: in memory at once; two during a swap, when the new one is warmed up while the old one answers.
        device: that it runs on.

    Raises:
        InputError: a number is below 1.
    """
    _at_least_one("batch", batch)
    _at_least_one("versions", versions)
    found = [inference_memory(each, batch, precision) for each in architectures]
    note = f"of {versions} versions" if versions > 1 else ""
    return MemoryNeed(
        "serving",
        (
            FRAMEWORK[device],
            Term("weights", versions * sum(each.weights_bytes for each in found), note),
            Term("batch", versions * sum(each.batch_bytes for each in found), note),
            # Members answer one after the other or at once: the framework keeps their graphs apart.
            Term("activations", versions * sum(each.activations_bytes for each in found), note),
        ),
    )


def fixed_need(name: str, memory_bytes: int, source: str) -> MemoryNeed:
    """What somebody states that a workload takes, all in one.

    Raises:
        InputError: the figure is below 0.
    """
    if memory_bytes < 0:
        raise InputError(name, f"{memory_bytes} bytes are no memory", "give 0 or more")
    return MemoryNeed(name, (Term("as stated", memory_bytes, source),))


def card_use(needs: Sequence[MemoryNeed], card_memory_bytes: int) -> CardUse:
    """Workloads on one card."""
    return CardUse(tuple(needs), card_memory_bytes)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise InputError(name, f"{value} is not possible", "give 1 or more")
