"""Asks over the V2 protocol (Open Inference Protocol), REST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serving.clients.client import Answer, answer, broken, tensors
from serving.clients.rest import RestClient


class V2Client(RestClient):
    """`POST /v2/models/<model>/infer` with FP32 tensors as JSON."""

    def predict(self, window: NDArray[np.float32], future: NDArray[np.float32] | None = None) -> Answer:
        """See ForecastClient.predict."""
        inputs = [
            {"name": name, "datatype": "FP32", "shape": list(array.shape), "data": array.reshape(-1)}
            for name, array in tensors(window, future).items()
        ]
        reply = self._post(f"/v2/models/{self._address.model}/infer", {"inputs": inputs})
        try:
            outputs = {
                output["name"]: np.asarray(output["data"], dtype=np.float32).reshape(output["shape"])
                for output in reply["outputs"]
            }
        except (KeyError, TypeError, ValueError) as error:
            raise broken(self._address, "the answer has no tensors") from error
        return answer(outputs, reply.get("model_version"), self._address)
