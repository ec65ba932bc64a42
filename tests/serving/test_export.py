"""`sluice export`: a version of the store as a file for other programs."""

import numpy as np
import pytest

from components.errors import InputError
from serving.export import ExportRequest, export_version


def test_the_champion_is_written_as_onnx_with_the_servables_names(store, tmp_path, windows, futures):
    pytest.importorskip("tf2onnx")
    ort = pytest.importorskip("onnxruntime")
    from serving.local.servable import load_servable

    exported = export_version(ExportRequest(store.root, "onnx", tmp_path / "tidal.onnx", "tidal"))
    assert (exported.model, exported.version) == ("tidal", 1)
    session = ort.InferenceSession(str(tmp_path / "tidal.onnx"))
    inputs = {"window": windows(5), "future": futures(5)}
    assert {value.name for value in session.get_inputs()} == set(inputs)
    expected = load_servable("tidal", 1, store.path("tidal", 1)).answer(inputs)
    assert [value.name for value in session.get_outputs()] == list(expected)
    for name, value in zip(expected, session.run(None, inputs), strict=True):
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_a_version_is_copied_as_keras_and_as_saved_model(store, tmp_path):
    for form, out in (("keras", tmp_path / "deep" / "river.keras"), ("saved_model", tmp_path / "river")):
        exported = export_version(ExportRequest(store.root, form, out, "river", 2))
        assert exported.text == f"river version 2 written to {out}"
    folder = store.path("river", 2)
    assert (tmp_path / "deep" / "river.keras").read_bytes() == (folder / "model.keras").read_bytes()
    assert (tmp_path / "river" / "saved_model.pb").read_bytes() == (folder / "saved_model.pb").read_bytes()
    with pytest.raises(InputError, match="is there already"):
        export_version(ExportRequest(store.root, "saved_model", tmp_path / "river", "river"))


def test_a_damaged_version_is_not_exported(store, tmp_path):
    with (store.path("river", 1) / "model.keras").open("ab") as file:
        file.write(b"!")
    with pytest.raises(InputError):
        export_version(ExportRequest(store.root, "keras", tmp_path / "river.keras", "river"))
    assert not (tmp_path / "river.keras").exists()


def test_which_model_is_meant_must_be_said(store, tmp_path):
    with pytest.raises(InputError, match="the store holds river, tidal"):
        export_version(ExportRequest(store.root, "keras", tmp_path / "river.keras"))
