"""`sluice predict`: the forecast that follows a file's last readings, from a server or from the store itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.errors import InputError
from serving.forecasts import SeriesForecast, series_forecasts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.dataset.schema import Dataset
    from components.preprocess.last_window import LastWindow
    from serving.clients.client import Answer


@dataclass(frozen=True)
class PredictRequest:
    """What to forecast, and whom to ask.

    Attributes:
        file: table of readings, or a folder of them.
        url: server to ask; None loads the champion here.
        protocol: `v1`, `v2`, `v2-grpc` or `tfserving`; None chooses by the URL.
        model: name; None where the store holds one model, or the dataset file names it.
        store: model store, whose champion brings the dataset file.
        dataset: dataset file, where there is no store.
        timeout_seconds: for one answer.
        key: API key, where the server wants one.
        ca: PEM file of the authority that signed the server's certificate.
    """

    file: str
    url: str | None = None
    protocol: str | None = None
    model: str | None = None
    store: Path | None = None
    dataset: Path | None = None
    timeout_seconds: float = 30.0
    key: str = field(default="", repr=False)
    ca: Path | None = None


@dataclass(frozen=True)
class Prediction:
    """The forecast of every series of a file.

    Attributes:
        model: name.
        version: that answered, None where the server doesn't say.
        target: name of the column.
        unit: its unit.
        band: nominal coverage of `lower` to `upper`.
        forecasts: one for each series.
        refused: why other series have none.
    """

    model: str
    version: int | None
    target: str
    unit: str
    band: float
    forecasts: tuple[SeriesForecast, ...]
    refused: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values, under the attributes' names."""
        return asdict(self)


@dataclass(frozen=True)
class _Source:
    """Whose dataset file says how to read the readings, and where the model lies when there is no server."""

    model: str
    dataset: Dataset
    store: Path | None
    version: int | None


def predict(request: PredictRequest) -> Prediction:
    """The forecast after the last window of each series in the file.

    Raises:
        InputError: the file, the store, the dataset file or the server can't give what is needed.
    """
    source = _source(request)
    from components.preprocess.last_window import cut_last_windows
    from serving.clients.client import OUTPUTS

    cut = cut_last_windows(source.dataset, _readings(source.dataset, request.file))
    if not cut.windows:
        raise cut.refused[0]
    answer = _ask(request, source, cut.windows)
    _check_horizons(source, answer)
    names = _member_names(source, answer)
    outputs = {name: getattr(answer, name) for name in OUTPUTS}
    return Prediction(
        model=source.model,
        version=answer.version,
        target=source.dataset.target,
        unit=source.dataset.columns[source.dataset.target].unit,
        band=source.dataset.band,
        forecasts=series_forecasts(source.dataset, cut.windows, outputs, names),
        refused=tuple(f"{error.where}: {error.problem}" for error in cut.refused),
    )


def _source(request: PredictRequest) -> _Source:
    from components.dataset.load import load_dataset

    if request.dataset is not None and request.url is not None:
        dataset = load_dataset(request.dataset)
        return _Source(request.model or dataset.name, dataset, None, None)
    if request.store is None or not request.store.is_dir():
        where = "--store" if request.store is None else str(request.store)
        fix = "run `sluice run` first, give its --store, or give --url together with --dataset"
        raise InputError(where, "there is no model store to take the dataset file from", fix)
    from components.deploy.store import ModelStore

    store = ModelStore(request.store)
    model = request.model or _only_model(store.models(), request.store)
    champion = store.champion(model)
    if champion is None:
        store.path(model, 1)
        raise InputError(str(request.store), f"model {model} has no champion", f"run `sluice models promote {model} 1`")
    dataset = load_dataset(store.path(model, champion.version) / "dataset.yaml")
    return _Source(model, dataset, request.store, champion.version)


def _only_model(models: Sequence[str], store: Path) -> str:
    if len(models) == 1:
        return models[0]
    if not models:
        raise InputError(str(store), "holds no model", "run `sluice run` first, or give another --store")
    raise InputError("--model", f"the store holds {len(models)} models", f"choose from {', '.join(models)}")


def _readings(dataset: Dataset, file: str) -> Any:
    from components.ingest.clean import clean_tables
    from components.ingest.intake import wanted_columns
    from components.ingest.read import read_tables

    return clean_tables(dataset, read_tables(file, wanted_columns(dataset))).readings


def _ask(request: PredictRequest, source: _Source, windows: Sequence[LastWindow]) -> Answer:
    window = np.stack([one.values for one in windows])
    futures = [one.future for one in windows if one.future is not None]
    future = np.stack(futures) if futures else None
    if request.url is None:
        return _ask_here(source, window, future)
    from serving.clients.client import Address
    from serving.clients.connect import connect

    address = Address(request.url, source.model, request.timeout_seconds, request.key, request.ca)
    client = connect(address, request.protocol)
    try:
        return client.predict(window, future)
    finally:
        client.close()


def _check_horizons(source: _Source, answer: Answer) -> None:
    wanted, got = len(source.dataset.horizons), answer.forecast.shape[1]
    if wanted != got:
        raise InputError(
            f"model {source.model}",
            f"answers {got} horizons, while the dataset file has {wanted}",
            "give the dataset file or the store that the model was trained with",
        )


def _ask_here(source: _Source, window: NDArray[np.float32], future: NDArray[np.float32] | None) -> Answer:
    from components.deploy.store import ModelStore
    from serving.clients.client import Answer, tensors
    from serving.local.servable import load_servable

    assert source.store is not None
    assert source.version is not None
    folder = ModelStore(source.store).path(source.model, source.version)
    servable = load_servable(source.model, source.version, folder)
    return Answer(**servable.answer(tensors(window, future)), version=source.version)


def _member_names(source: _Source, answer: Answer) -> tuple[str, ...]:
    numbered = tuple(f"member {number}" for number in range(1, answer.members.shape[1] + 1))
    if source.store is None or answer.version is None:
        return numbered
    from components.deploy.store import ModelStore

    store = ModelStore(source.store)
    if answer.version not in store.versions(source.model):
        return numbered
    names = tuple(store.model_card(source.model, answer.version).get("members", ()))
    return names if len(names) == len(numbered) else numbered
