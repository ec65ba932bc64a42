"""A card: what it holds, how fast it computes, and what it needs of CUDA."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.errors import InputError
from pipelines.capacity.catalogue.figures import Entry, Figure, Span

Precision = Literal["float32", "tensor_float32", "float16", "mixed_float16", "mixed_bfloat16"]
CUDA_LINE = r"^[0-9]+\.[0-9]+$"

_MIB = 2**20
_TERA = 1e12
_GIGA = 1e9


class Chip(Entry):
    """The processor of a card.

    Attributes:
        name: of the processor.
        compute_capability: `major.minor`, as CUDA counts; a key of the catalogue's `generations`.
        tensor_cores: whether it has any. Compute capability 7.5 doesn't say: the GTX 16 series has none.
        source: of all three.
        note: what one should know before using it.
    """

    name: str = Field(min_length=1)
    compute_capability: str = Field(pattern=CUDA_LINE)
    tensor_cores: bool
    source: str = Field(min_length=1)
    note: str = ""


class Rates(Entry):
    """Most operations per second, in 10^12, without sparsity; absent where the card has no such unit.

    Attributes:
        float32_tflops: outside the tensor cores.
        float16_tflops: outside the tensor cores.
        tensor_float16_tflops: tensor cores, float16 products summed in float32, as training does.
        tensor_bfloat16_tflops: the same with bfloat16.
        tensor_float32_tflops: tensor cores on float32 rounded to TensorFloat-32.
        source: of all of them.
        note: how a figure that the source doesn't print was had.
    """

    float32_tflops: float = Field(gt=0)
    float16_tflops: float | None = Field(default=None, gt=0)
    tensor_float16_tflops: float | None = Field(default=None, gt=0)
    tensor_bfloat16_tflops: float | None = Field(default=None, gt=0)
    tensor_float32_tflops: float | None = Field(default=None, gt=0)
    source: str = Field(min_length=1)
    note: str = ""


class Price(Span):
    """What a card costs to buy, as a span of amounts in one currency.

    Attributes:
        currency: of the amounts.
    """

    currency: Literal["USD", "KRW"]


class Card(Entry):
    """A graphics card that workloads run on.

    Attributes:
        key: its name in the catalogue.
        title: its name in words.
        aliases: further names that users may write.
        products: values of the node label `nvidia.com/gpu.product` that nodes with this card carry.
        chip: its processor.
        memory_gb: as sold, in GiB.
        driver_memory_mib: as the driver reports it; the lowest figure seen, from nvidia-smi or from CUDA.
        rates: operations per second.
        bandwidth_gb_per_s: to its memory, 10^9 bytes a second.
        power_watts: the most that it takes.
        mixed_precision_gain: how many times faster a training step may become by mixed precision; 1 for not at all.
        prices: to buy one.
        price_in_v100: price as a part of that of one V100 32 GB, where a document says no more.
    """

    key: str
    title: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    chip: Chip
    memory_gb: Figure
    driver_memory_mib: Figure
    rates: Rates
    bandwidth_gb_per_s: Figure
    power_watts: Figure
    mixed_precision_gain: Span
    prices: tuple[Price, ...] = ()
    price_in_v100: Span | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.driver_memory_mib.value > self.memory_gb.value * 1024:
            raise ValueError("driver_memory_mib is more than memory_gb: the driver never reports more than was sold")
        tensor = (
            self.rates.tensor_float16_tflops,
            self.rates.tensor_bfloat16_tflops,
            self.rates.tensor_float32_tflops,
        )
        if not self.chip.tensor_cores and any(rate is not None for rate in tensor):
            raise ValueError("rates names tensor cores, and chip.tensor_cores is false: mend one of them")
        if self.chip.tensor_cores and self.rates.tensor_float16_tflops is None:
            raise ValueError("chip.tensor_cores is true, so rates needs tensor_float16_tflops")
        if not self.chip.tensor_cores and self.mixed_precision_gain.high > 1:
            raise ValueError("mixed_precision_gain is above 1 without tensor cores")
        return self

    @property
    def memory_bytes(self) -> int:
        """Memory as the driver reports it."""
        return int(self.driver_memory_mib.value) * _MIB

    @property
    def bandwidth_bytes_per_second(self) -> float:
        """To and from the card's memory at best."""
        return self.bandwidth_gb_per_s.value * _GIGA

    @property
    def tensor_cores(self) -> bool:
        """Whether it has tensor cores."""
        return self.chip.tensor_cores

    @property
    def compute_capability(self) -> tuple[int, int]:
        """As TensorFlow gives it, such as (7, 0)."""
        major, _, minor = self.chip.compute_capability.partition(".")
        return int(major), int(minor)

    @property
    def training_precision(self) -> Literal["float32", "mixed_float16", "mixed_bfloat16"]:
        """Half precision where the card gains from it, in the kind that components.train takes there."""
        if not self.gains_from_mixed_precision:
            return "float32"
        return "mixed_bfloat16" if self.compute_capability >= (8, 0) else "mixed_float16"

    @property
    def gains_from_mixed_precision(self) -> bool:
        """Whether a training step may become faster by mixed precision."""
        return self.mixed_precision_gain.high > 1

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Those that it has a rate for, in which it may train."""
        found: list[Precision] = ["float32"]
        if self.rates.tensor_float32_tflops is not None:
            found.append("tensor_float32")
        found.append("mixed_float16")
        if self.rates.tensor_bfloat16_tflops is not None:
            found.append("mixed_bfloat16")
        return tuple(found)

    def rate(self, precision: Precision) -> float:
        """Most operations per second that it computes in a precision.

        Without tensor cores, `mixed_float16` is computed at the float32 rate: half precision is then only stored,
        as cuDNN's PSEUDO_HALF_CONFIG does (cuDNN API reference, cudnnConvolutionForward).

        Raises:
            InputError: the card has no unit for it.
        """
        rates = self.rates
        by_precision: dict[str, float | None] = {
            "float32": rates.float32_tflops,
            "tensor_float32": rates.tensor_float32_tflops,
            "float16": rates.float16_tflops,
            "mixed_float16": rates.tensor_float16_tflops if self.tensor_cores else rates.float32_tflops,
            "mixed_bfloat16": rates.tensor_bfloat16_tflops,
        }
        tflops = by_precision.get(precision)
        if tflops is None:
            raise InputError(
                f"precision {precision}",
                f"{self.title} doesn't compute in it",
                f"choose from: {', '.join(self.precisions)}",
            )
        return tflops * _TERA


class Generation(Entry):
    """What CUDA and the driver do for cards of one compute capability.

    Attributes:
        architecture: its name.
        bfloat16: whether its tensor cores take bfloat16 and TensorFloat-32.
        first_cuda: oldest toolkit that compiles for it, `major.minor`.
        last_cuda: newest one; None while it isn't ended.
        last_cudnn: newest cuDNN for CUDA 12 with kernels for it; None while it isn't ended.
        last_driver: newest driver branch; None while it isn't ended.
        source: of all of them.
        note: what one should know before using it.
    """

    architecture: str = Field(min_length=1)
    bfloat16: bool
    first_cuda: str = Field(pattern=CUDA_LINE)
    last_cuda: str | None = Field(default=None, pattern=CUDA_LINE)
    last_cudnn: str | None = Field(default=None, pattern=CUDA_LINE)
    last_driver: str | None = Field(default=None, pattern=r"^[0-9]+$")
    source: str = Field(min_length=1)
    note: str = ""

    def supports_cuda(self, line: str) -> bool:
        """Whether a CUDA toolkit, such as `12.9`, compiles for it."""
        after = self.last_cuda is not None and _version(line) > _version(self.last_cuda)
        return _version(line) >= _version(self.first_cuda) and not after

    def supports_cudnn(self, line: str) -> bool:
        """Whether a cuDNN 9 for CUDA 12, such as `9.10`, has kernels for it."""
        return self.last_cudnn is None or _version(line) <= _version(self.last_cudnn)


def _version(line: str) -> tuple[int, int]:
    major, _, minor = line.partition(".")
    return int(major), int(minor or 0)
