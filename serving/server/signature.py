"""What a servable takes and gives: names and shapes of its tensors, all float32."""

from __future__ import annotations

from dataclasses import dataclass

OUTPUTS = ("forecast", "lower", "upper", "members", "weights", "spike_probability")
SIGNATURE_NAME = "serving_default"
# Windows in one request; 1,000 is a day's batch, and four times that still answers within seconds on two cores.
MAX_BATCH = 4096
# A full batch of 100 x 12 numbers written as JSON is about 90 MB.
MAX_BODY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class TensorSpec:
    """One float32 tensor; the first dimension is the batch.

    Attributes:
        name: as on the wire.
        shape: without the batch, -1 where unknown.
    """

    name: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} [{', '.join(('n', *map(str, self.shape)))}] float32"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a shape, batch included, is one of this tensor's."""
        given = shape[1:]
        return len(shape) == len(self.shape) + 1 and all(
            want in (-1, got) for want, got in zip(self.shape, given, strict=True)
        )

    def row(self) -> str:
        """One window of it, as shown in errors."""
        return f"{self.name} [{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a servable, in the order of the contract."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.inputs))

    def input(self, name: str) -> TensorSpec | None:
        """The input of that name."""
        return next((spec for spec in self.inputs if spec.name == name), None)

    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(spec.name for spec in self.outputs)
