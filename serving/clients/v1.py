"""Asks over the V1 protocol, of KServe and of TensorFlow Serving alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serving.clients.client import OUTPUTS, Answer, answer, broken, tensors
from serving.clients.rest import RestClient


class V1Client(RestClient):
    """`POST /v1/models/<model>:predict`, row form."""

    def predict(self, window: NDArray[np.float32], future: NDArray[np.float32] | None = None) -> Answer:
        """See ForecastClient.predict."""
        named = tensors(window, future)
        if future is None:
            instances: object = named["window"]
        else:
            instances = [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
        reply = self._post(f"/v1/models/{self._address.model}:predict", {"instances": instances})
        rows = reply.get("predictions")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise broken(self._address, 'the answer has no "predictions" with named outputs')
        outputs = {name: [row[name] for row in rows] for name in OUTPUTS if all(name in row for row in rows)}
        return answer(outputs, reply.get("model_version"), self._address)
