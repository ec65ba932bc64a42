"""Raw readings of the small models, a server with a panel among them, and ways to ask it."""

import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import httpx
import numpy as np
import pandas as pd
import pytest

from components.deploy.store import ModelStore
from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc

STATIONS = ("east", "north", "west")
LIMITED = "  level: {unit: m, limits: [0, 6]}\n  rain: {unit: mm, missing: {fill: zero, max_gap: 3}}\n"


def frame(rows: int = 40, seed: int = 5, start: str = "2025-03-01") -> pd.DataFrame:
    """Readings each ten minutes, times as text, two decimals as loggers write them."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(start, periods=rows, freq="10min", tz="UTC")
    return pd.DataFrame(
        {
            "time": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": (2 + rng.normal(size=rows) / 5).round(3),
            "rain": rng.random(rows).round(2),
            "tide": 0.25,
        }
    )


def panel(stations: tuple[str, ...] = STATIONS, rows: int = 40) -> pd.DataFrame:
    return pd.concat([frame(rows, seed).assign(station=name) for seed, name in enumerate(stations)], ignore_index=True)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def as_river(folder: Path, name: str, changes: Callable[[str], str], card: dict[str, Any]) -> Path:
    """A candidate of another dataset file and card around the same SavedModel."""
    text = (folder / "dataset.yaml").read_text().replace("name: river", f"name: {name}")
    (folder / "dataset.yaml").write_text(changes(text))
    known = json.loads((folder / "model_card.json").read_text())
    (folder / "model_card.json").write_text(json.dumps({**known, "name": name, **card}))
    return folder


def _limited(text: str) -> str:
    return text.replace("  level: {unit: m}\n  rain: {unit: mm}\n", LIMITED)


@pytest.fixture(scope="session")
def raw_server(tmp_path_factory, candidates, start_with) -> Any:
    """The server of river (with limits), tidal, and stations: a panel of three series."""
    root = tmp_path_factory.mktemp("raw")
    own = {**candidates}
    for key, name, card in (("river-1", "river", {}), ("river-2", "river", {})):
        own[key] = as_river(shutil.copytree(candidates[key], root / key), name, _limited, card)
    copy = shutil.copytree(candidates["river-1"], root / "stations")
    stations = as_river(copy, "stations", lambda text: _limited(text) + "series: station\n", {"series": list(STATIONS)})
    store = ModelStore(root / "store")
    store.publish("stations", stations)
    store.promote("stations", 1)
    return start_with(root, own)


@pytest.fixture(scope="session")
def tables() -> SimpleNamespace:
    """Makers of raw readings: `frame(rows, seed, start)`, `panel(stations, rows)`, and `records(table)`."""
    return SimpleNamespace(frame=frame, panel=panel, records=records)


class Asker:
    """Asks raw readings by each protocol; answers in one form."""

    def __init__(self, running: Any) -> None:
        self.http = httpx.Client(base_url=f"http://localhost:{running.http}", timeout=30)
        self.channel = grpc.insecure_channel(f"localhost:{running.grpc}")
        self.stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def close(self) -> None:
        self.http.close()
        self.channel.close()

    def v1(self, model: str, table: pd.DataFrame, **parameters: Any) -> httpx.Response:
        body = {"instances": records(table), "parameters": parameters}
        return self.http.post(f"/v1/models/{model}:predict", json=body)

    def v2(self, model: str, table: pd.DataFrame, **parameters: Any) -> httpx.Response:
        tensors = []
        for name in table.columns:
            text = table[name].dtype == object
            data = [None if pd.isna(value) else value for value in table[name]]
            tensors.append({"name": name, "datatype": "BYTES" if text else "FP64", "shape": [len(table)], "data": data})
        return self.http.post(f"/v2/models/{model}/infer", json={"inputs": tensors, "parameters": parameters})

    def grpc_request(self, model: str, table: pd.DataFrame, raw: bool, **parameters: Any) -> Any:
        request = grpc_predict_v2_pb2.ModelInferRequest(model_name=model)
        for name in table.columns:
            text = table[name].dtype == object
            tensor = request.inputs.add(name=name, datatype="BYTES" if text else "FP32", shape=[len(table)])
            if text:
                cells = [str(value).encode() for value in table[name]]
                if raw:
                    packed = b"".join(len(cell).to_bytes(4, "little") + cell for cell in cells)
                    request.raw_input_contents.append(packed)
                else:
                    tensor.contents.bytes_contents.extend(cells)
            elif raw:
                request.raw_input_contents.append(table[name].to_numpy("<f4").tobytes())
            else:
                tensor.contents.fp32_contents.extend(table[name])
        for key, value in parameters.items():
            if isinstance(value, bool):
                request.parameters[key].bool_param = value
            elif isinstance(value, int):
                request.parameters[key].int64_param = value
            else:
                request.parameters[key].string_param = value if isinstance(value, str) else json.dumps(value)
        return request

    def v2_grpc(self, model: str, table: pd.DataFrame, raw: bool = False, **parameters: Any) -> Any:
        return self.stub.ModelInfer(self.grpc_request(model, table, raw, **parameters), timeout=30)


@pytest.fixture(scope="session")
def ask(raw_server) -> Iterator[Asker]:
    asker = Asker(raw_server)
    yield asker
    asker.close()


@pytest.fixture(scope="session")
def container_ports() -> list[int]:
    """Three free ports."""
    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("0.0.0.0", 0))
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool], float], None]:
    """Waits until a condition holds, for so many seconds at most."""

    def wait(condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it didn't happen in time"
            time.sleep(0.05)

    return wait


@pytest.fixture(scope="session")
def asker_of() -> type[Asker]:
    """Makes askers of other servers."""
    return Asker
