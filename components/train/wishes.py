"""How a training step is to be done, where somebody says so; what isn't said stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast, get_args

from components.errors import InputError

if TYPE_CHECKING:
    from components.train.precision import Precision
    from components.train.recipe import Recipe

AskedPrecision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]


@dataclass(frozen=True)
class StepWishes:
    """What is asked of a training step.

    Attributes:
        batch: windows or chunks of a step; 0 for the recipe's own.
        micro_batch: most of them in memory at once; 0 for as many as fit. The step is the same.
        precision: of the members' own layers: `float32`, `mixed_float16` or `mixed_bfloat16`; `auto` is half where the
            device gains by it.
    """

    batch: int = 0
    micro_batch: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        """Raises InputError for numbers below 0 and for a precision that there isn't."""
        for name in ("batch", "micro_batch"):
            if getattr(self, name) < 0:
                raise InputError(
                    name, f"{getattr(self, name)} is no number of windows", "give 1 or more, or leave it 0"
                )
        known = get_args(AskedPrecision)
        if self.precision not in known:
            raise InputError("precision", f"there is no {self.precision}", f"choose from {', '.join(known)}")

    def applied(self, recipe: Recipe) -> Recipe:
        """The recipe with what is asked; `auto` is settled by the device that is here."""
        from components.train.precision import compute_capability, precision_of

        auto = self.precision == "auto"
        precision = precision_of(compute_capability()) if auto else cast("Precision", self.precision)
        own = replace(recipe, precision=precision)
        return replace(own, chunks=self.batch, windows=self.batch) if self.batch else own
