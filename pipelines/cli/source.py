"""The dataset, the readings and the store that a command line means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError

if TYPE_CHECKING:
    from components.dataset.schema import Dataset


def find_dataset(name: str) -> Dataset:
    """A preset by name, or a dataset file by path.

    Raises:
        InputError: there is neither.
    """
    from components.dataset.load import load_dataset, load_preset, preset_names

    if name in preset_names() and not Path(name).is_file():
        return load_preset(name)
    return load_dataset(Path(name))


def find_data(name: str, dataset: Dataset, given: str | None) -> str | None:
    """Path or URL of the readings: as given, else the dataset's `source`; `None` where neither is named.

    Raises:
        InputError: what is named isn't there.
    """
    from components.dataset.load import resolve_source

    source = resolve_source(dataset, Path(name))
    data = given if given is not None else source if isinstance(source, str) or source is None else source.url
    if data is None or "://" in data:
        return data
    path = Path(data).expanduser()
    if not path.exists():
        where = "--data" if given is not None else f"{name}, source"
        raise InputError(f"{where} {data}", "there is no such file or folder", "give the path of the readings")
    return str(path.resolve())


def need_data(name: str, data: str | None) -> str:
    """The readings, where a command can't go on without.

    Raises:
        InputError: none are named.
    """
    if data is None:
        raise InputError(name, "no readings are named", "give them with --data PATH (a file, a folder or an SQL URL)")
    return data


def find_store(given: Path | None) -> Path:
    """The store given, else the only one among `./store` and `runs/*/store`.

    Raises:
        InputError: there is none, or more than one.
    """
    if given is not None:
        if not given.is_dir():
            raise InputError(
                f"--store {given}", "there is no such folder", "give the store of a run, as runs/NAME/store"
            )
        return given
    found = [path for path in (Path("store"), *sorted(Path("runs").glob("*/store"))) if path.is_dir()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError("--store", "there is no model store here", "make one with `sluice run`, or give --store DIR")
    listed = ", ".join(map(str, found))
    raise InputError("--store", f"there are several stores: {listed}", "say which with --store DIR")


def find_model(store: Path, given: str | None) -> str:
    """The model given, else the only one in the store.

    Raises:
        InputError: there is none, or more than one.
    """
    from components.deploy.store import ModelStore

    models = ModelStore(store).models()
    if given is not None:
        if given not in models:
            raise InputError(str(store), f"holds no model {given}", f"models there: {', '.join(models) or 'none'}")
        return given
    if len(models) == 1:
        return models[0]
    problem = f"holds {len(models)} models" if models else "holds no model yet"
    fix = f"name one: {', '.join(models)}" if models else "run `sluice run` first"
    raise InputError(str(store), problem, fix)
