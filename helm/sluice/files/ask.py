"""Asks the deployed service for one forecast, by REST or by gRPC: what `helm test` runs in the image of Sluice."""

import json
import os
import sys
import time
import urllib.request

import numpy as np

from components.errors import InputError
from serving.clients.client import Address
from serving.clients.connect import connect


def shapes_by_rest(address, protocol):
    """Shape of each input, from the metadata of V2, or of TensorFlow Serving's V1."""
    version = "v2" if protocol == "v2" else "v1"
    path = f"{address.url}/{version}/models/{address.model}" + ("" if version == "v2" else "/metadata")
    request = urllib.request.Request(path, headers=address.headers)
    with urllib.request.urlopen(request, timeout=address.timeout_seconds) as answer:
        found = json.load(answer)
    if version == "v2":
        return {tensor["name"]: tensor["shape"] for tensor in found["inputs"]}
    inputs = found["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    return {name: [int(size["size"]) for size in spec["tensor_shape"]["dim"]] for name, spec in inputs.items()}


def shapes_by_grpc(address):
    """Shape of each input, from PredictionService."""
    import grpc
    from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = address.model
    with grpc.insecure_channel(address.host) as channel:
        ask = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata
        answer = ask(request, timeout=address.timeout_seconds, metadata=tuple(address.headers.items()))
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    inputs = signatures.signature_def["serving_default"].inputs
    return {name: [size.size for size in spec.tensor_shape.dim] for name, spec in inputs.items()}


def ask(address, protocol):
    """One forecast of a window of zeros: raises unless every horizon has a number."""
    shapes = shapes_by_grpc(address) if protocol == "tfserving" else shapes_by_rest(address, protocol)
    inputs = {name: np.zeros([1, *shapes[name][1:]], np.float32) for name in ("window", "future") if name in shapes}
    with connect(address, protocol) as client:
        answer = client.predict(**inputs)
    if not np.isfinite(answer.forecast).all():
        raise InputError(address.url, f"the forecast holds no number: {answer.forecast}", "look at the pod's log")
    return answer


def main(url, protocol, model, seconds):
    """Asks until an answer comes or the time is over; the exit status."""
    address = Address(url, model, timeout_seconds=10.0, key=os.environ.get("SLUICE_API_KEY", ""))
    deadline = time.monotonic() + float(seconds)
    while True:
        try:
            answer = ask(address, protocol)
        except Exception as error:
            if time.monotonic() > deadline:
                print(f"{url} gives no forecast of {model} by {protocol}: {error}", file=sys.stderr)
                return 1
            time.sleep(2)
            continue
        print(f"{model} version {answer.version or 'unnamed'} by {protocol}: {answer.forecast[0].tolist()}")
        return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
