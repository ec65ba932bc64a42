"""A version of the store, written for other programs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.deploy.store import ModelStore
from components.errors import InputError
from serving.quiet_tensorflow import import_quietly


@dataclass(frozen=True)
class ExportRequest:
    """What to write, and where.

    Attributes:
        store: the model store.
        form: `onnx` and `keras` are files, `saved_model` is a folder.
        out: what to write.
        model: of the store; None for the only one.
        version: of the model; None for its champion.
    """

    store: Path
    form: Literal["onnx", "saved_model", "keras"]
    out: Path
    model: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        model: its name.
        version: its number in the store.
        text: one line for a person.
    """

    model: str
    version: int
    text: str


def export_version(request: ExportRequest) -> Exported:
    """Writes a version after its files were compared with their checksums.

    Raises:
        InputError: there is no such version, it is damaged, it has no equal form, or the folder to write is there.
    """
    store = ModelStore(request.store)
    model = request.model or _only_model(store)
    version = request.version if request.version is not None else _champion(store, model)
    folder = store.path(model, version)
    store.verify(model, version)
    said = f"{model} version {version} written to {request.out}"
    if request.form == "onnx":
        return Exported(model, version, f"{said}; {_onnx(folder, request.out)}")
    if request.form == "keras":
        request.out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "model.keras", request.out)
    else:
        _copy_folder(folder, request.out)
    return Exported(model, version, said)


def _onnx(folder: Path, out: Path) -> str:
    import_quietly()
    from components.ensemble.onnx_file import TOLERANCE, export_onnx

    difference = export_onnx(folder, out)
    return f"its answers differ by {difference:.1e} of the target's scale at most ({TOLERANCE:.0e} allowed)"


def _copy_folder(folder: Path, out: Path) -> None:
    try:
        shutil.copytree(folder, out)
    except FileExistsError as error:
        raise InputError(str(out), "is there already", "name a folder that isn't") from error


def _only_model(store: ModelStore) -> str:
    names = store.models()
    if len(names) == 1:
        return names[0]
    if not names:
        raise InputError(str(store.root), "holds no model", "run `sluice run` first, or give another --store")
    raise InputError("--model", f"the store holds {', '.join(names)}", "say which with --model NAME")


def _champion(store: ModelStore, model: str) -> int:
    champion = store.champion(model)
    if champion is None:
        raise InputError(model, "has no champion", "say which with --version N, or promote one")
    return champion.version
