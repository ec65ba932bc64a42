"""A card that can't be measured here: its data sheet's rates, and what others have measured of cards like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.duration.operations import StepWork, Work
from pipelines.capacity.ranges import Range

# Shares of the data sheet's rate that matrix products reach: DeepBench (Baidu), training results of the V100 in FP32,
# against 15.7 TFLOP/s: 2.6 for 1760 x 16 x 1760, 14.8 for 4096 x 7000 x 4096.
_COMPUTE_SHARE = Range(0.166, 0.941)
# Shares of the bandwidth, from the same table against 900 GB/s: 332 for 1760 x 16 x 1760, 804 for 512 x 8 x 500000.
_BANDWIDTH_SHARE = Range(0.37, 0.89)
# One kernel, launched after another or waited for: the references of CSCS' ReFrame check `kernel_latency`, P100.
_LAUNCH_SECONDS = Range(2.2e-6, 6.6e-6)
# A row of a recurrent layer is at least one matrix product and one kernel for all that is done with its values
# (Appleyard et al., 2016, arXiv 1604.01946, section 3).
_KERNELS_PER_ROW = 2


@dataclass(frozen=True)
class RowSeconds:
    """Seconds of one row of a recurrent layer under cuDNN.

    Attributes:
        forward: on the way forward.
        backward: on the way back, gradients of the weights apart, which one product computes for all rows.
    """

    forward: Range
    backward: Range


_LEAST_ROW_SECONDS = _KERNELS_PER_ROW * _LAUNCH_SECONDS.low
# By the major compute capability. DeepBench, training results: V100 (cuDNN 7.6), LSTM of 256 units, 16 to 64 sequences
# of 150 rows, FP32 and mixed: 4.1 to 6.7 ms forward, 4.7 to 5.8 ms back. P100 and GTX 1080 Ti (cuDNN 6), LSTM of 512
# units, 16 sequences of 25 rows: up to 1.48 and 1.69 ms; no smaller one was measured, so their least is the V100's.
_ROWS: Mapping[int, RowSeconds] = MappingProxyType(
    {
        6: RowSeconds(Range(27e-6, 59e-6), Range(31e-6, 68e-6)),
        7: RowSeconds(Range(27e-6, 45e-6), Range(31e-6, 39e-6)),
    }
)
# No card of another generation was found measured: no faster than launches allow, no slower than the V100.
_OTHER_ROWS = RowSeconds(Range(_LEAST_ROW_SECONDS, 45e-6), Range(_LEAST_ROW_SECONDS, 39e-6))


@dataclass(frozen=True)
class DeviceRates:
    """What a device that can't be measured may do.

    Attributes:
        name: of the device.
        flops_per_second: floating-point operations of matrix products, in float32.
        bandwidth_bytes_per_second: to and from its memory.
        launch_seconds: of one kernel.
        rows: of recurrent layers that are trained, under cuDNN.
        mixed_precision_gain: how many times faster products and memory may become by half precision.
    """

    name: str
    flops_per_second: Range
    bandwidth_bytes_per_second: Range
    launch_seconds: Range
    rows: RowSeconds
    mixed_precision_gain: Range = field(default_factory=lambda: Range.exactly(1.0))


@dataclass(frozen=True)
class Parts:
    """What a step on a card consists of, in seconds.

    Attributes:
        compute: matrix products.
        memory: values and weights to and from memory.
        launches: kernels outside recurrent layers.
        rows: rows of recurrent layers, one after the other.
    """

    compute: Range
    memory: Range
    launches: Range
    rows: Range

    @property
    def total(self) -> Range:
        """From all of it at once, as far as it can be (Williams et al., 2009, the roofline), to one after the other."""
        serial = self.launches + self.rows
        low = max(self.compute.low, self.memory.low, serial.low)
        return Range(low, (self.compute + self.memory + serial).high)

    @property
    def largest(self) -> str:
        """In words, what takes most of the longest time."""
        named = {
            "matrix products": self.compute,
            "memory": self.memory,
            "launches of kernels": self.launches,
            "rows of recurrent layers, one after the other": self.rows,
        }
        return max(named, key=lambda name: named[name].high)


def device_rates(card: Card) -> DeviceRates:
    """The rates of a card of the catalogue.

    TensorFlow multiplies float32 in TensorFloat-32 where a card can, so that rate bounds it from above.
    """
    plain = card.rate("float32")
    best = card.rate("tensor_float32") if "tensor_float32" in card.precisions else plain
    return DeviceRates(
        name=card.title,
        flops_per_second=Range(_COMPUTE_SHARE.low * plain, _COMPUTE_SHARE.high * best),
        bandwidth_bytes_per_second=_BANDWIDTH_SHARE * card.bandwidth_bytes_per_second,
        launch_seconds=_LAUNCH_SECONDS,
        rows=_ROWS.get(card.compute_capability[0], _OTHER_ROWS),
        mixed_precision_gain=Range(card.mixed_precision_gain.low, card.mixed_precision_gain.high),
    )


def training_parts(work: StepWork, batch: int, device: DeviceRates, precision: str) -> Parts:
    """A training step; half precision speeds products and memory up, launches and rows stay what they are.

    DeepBench's V100 shows it: 150 rows of an LSTM of 256 units take 9.8 ms in FP32 and 9.2 ms mixed.
    """
    gain = Range.exactly(1.0) if precision == "float32" else device.mixed_precision_gain
    rows = device.rows.forward * work.forward.serial_rows + device.rows.backward * work.backward.serial_rows
    return _parts(work.total, batch, device, rows, gain)


def forecast_parts(work: Work, batch: int, device: DeviceRates) -> Parts:
    """A forecast by the servable, whose recurrent layers leave cuDNN out so that it runs on any device."""
    return _parts(work, batch, device, device.launch_seconds * work.serial_kernels, Range.exactly(1.0))


def _parts(work: Work, batch: int, device: DeviceRates, rows: Range, gain: Range) -> Parts:
    flops = float(work.floating_point_operations(batch))
    moved = Range(work.bytes_moved(batch, fused=True), work.bytes_moved(batch, fused=False))
    return Parts(
        compute=Range.exactly(flops) / (device.flops_per_second * gain),
        memory=moved / (device.bandwidth_bytes_per_second * gain),
        launches=device.launch_seconds * work.operations,
        rows=rows,
    )
