"""The bodies that docs/serving.md shows are answered, once they hold a whole window."""

import json
import re
from pathlib import Path

import httpx
import pandas as pd
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "serving.md"
STAMPS = pd.date_range("2026-01-01", periods=14, freq="10min").strftime("%Y-%m-%dT%H:%M:%SZ").tolist()


@pytest.fixture
def shown():
    """The JSON body of the curl example that asks a path."""

    def body(path: str) -> dict:
        text = DOCS.read_text()
        return json.loads(re.search(rf"curl http://localhost:8080{path} -d '(.*?)'\n", text, re.DOTALL)[1])

    return body


def test_the_records_shown_are_answered(server, shown):
    path = "/v1/models/river:predict"
    example = shown(path)
    # Readings of a year that is over are too old for what the example asks.
    del example["parameters"]["max_age_seconds"]
    shapes = example["instances"]
    records = [{**shapes[row % len(shapes)], "time": stamp, "tide": 0.5} for row, stamp in enumerate(STAMPS)]
    reply = httpx.post(f"http://localhost:{server.http}{path}", json={**example, "instances": records})
    assert reply.status_code == 200, reply.text
    keys = re.search(r'```json\n(\{"predictions".*?)```', DOCS.read_text(), re.DOTALL)[1]
    documented = json.loads(keys)
    assert set(documented) == set(reply.json())
    assert set(documented["predictions"][0]) == set(reply.json()["predictions"][0])


def test_the_columns_shown_are_answered(server, shown):
    path = "/v2/models/river/infer"
    tensors = shown(path)["inputs"]
    tide = {"name": "tide", "datatype": "FP64", "shape": [2], "data": [0.5, 0.5]}
    whole = [
        {**one, "shape": [len(STAMPS)], "data": STAMPS if one["name"] == "time" else one["data"] * (len(STAMPS) // 2)}
        for one in (*tensors, tide)
    ]
    reply = httpx.post(f"http://localhost:{server.http}{path}", json={"inputs": whole})
    assert reply.status_code == 200, reply.text
    listed = set(re.findall(r"`(\w+)`", re.search(r"\| Output \|.*?\n\n", DOCS.read_text(), re.DOTALL)[0]))
    assert {output["name"] for output in reply.json()["outputs"]} <= listed
