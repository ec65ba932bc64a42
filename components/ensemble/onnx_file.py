"""A version of the store as an ONNX file, which is left only where it answers as the version does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.dataset.load import load_dataset
from components.ensemble.export import KERAS_FILE, SIGNATURES, read_warmup
from components.ensemble.onnx import to_onnx
from components.ensemble.servable import OUTPUTS, load_servable
from components.errors import InputError
from components.train.layers import Normalise

# Of the target's scale in training; weights and probabilities as they are. Runtimes add up in other orders.
TOLERANCE = 1e-4
_WITHOUT_UNIT = ("weights", "spike_probability")
_PROVIDERS = ("CPUExecutionProvider",)


def export_onnx(version: Path, out: Path) -> float:
    """Writes a version as ONNX, after ONNX Runtime has answered the version's warm-up requests as it does.

    Args:
        version: its folder in the store.
        out: the file to write; what is there is replaced.

    Returns:
        The largest difference seen, in the unit of TOLERANCE.

    Raises:
        InputError: an extra isn't installed, the model has no form in ONNX, or the answers differ.
    """
    model = load_servable(version / KERAS_FILE)
    proto = to_onnx(model)
    difference = _difference(version, proto.SerializeToString(), _scale(version, model))
    if not difference <= TOLERANCE:
        problem = f"the answers in ONNX differ by {difference:.1e}, more than {TOLERANCE:.0e}"
        raise InputError(str(version), problem, "keep the SavedModel for this version: no file was written")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    partial.write_bytes(proto.SerializeToString())
    partial.replace(out)
    return difference


def _difference(version: Path, proto: bytes, scale: float) -> float:
    session = _session(proto)
    plain = tf.saved_model.load(str(version)).signatures[SIGNATURES[0]]
    differences = []
    for request in read_warmup(version):
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        expected = plain(**{name: tf.constant(array) for name, array in inputs.items()})
        got = dict(zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True))
        differences.append(_largest({name: value.numpy() for name, value in expected.items()}, got, scale))
    return float(np.max(differences))


def _session(proto: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        fix = "install the extra: pip install 'sluice[onnx]'"
        raise InputError("ONNX", "onnxruntime isn't installed", fix) from error
    try:
        return onnxruntime.InferenceSession(proto, providers=list(_PROVIDERS))
    except Exception as error:  # onnxruntime's exceptions have no common base
        problem = f"ONNX Runtime can't load it: {str(error).splitlines()[0]}"
        raise InputError("ONNX", problem, "keep the SavedModel for this version: no file was written") from error


def _largest(
    expected: Mapping[str, NDArray[np.float32]], got: Mapping[str, NDArray[np.float32]], scale: float
) -> float:
    """The largest difference of any output; NaN where only one of the two has a number."""
    units = {name: 1.0 if name in _WITHOUT_UNIT else scale for name in OUTPUTS}
    return float(np.max([np.max(np.abs(got[name] - expected[name])) / units[name] for name in OUTPUTS]))


def _scale(version: Path, model: Any) -> float:
    """The target's scale in training, as the members' layers hold it; 1 where none does."""
    target = load_dataset(version / "dataset.yaml").target_index
    layers = (layer for layer in model._flatten_layers() if isinstance(layer, Normalise))
    return next((float(layer.scale[target]) for layer in layers), 1.0)
