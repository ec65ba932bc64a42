"""What is asked of the models, over whichever face: predictions, metadata, status."""

from __future__ import annotations

import time
from typing import Any

from double.core import ServerCore
from double.metrics import Metrics
from double.saved_model import DEFAULT_SIGNATURE
from double.status import StatusError, invalid
from tensorflow_serving.apis import get_model_metadata_pb2


class Answers:
    """Answers of all models.

    Args:
        core: the models.
        metrics: counts what is asked.
    """

    def __init__(self, core: ServerCore, metrics: Metrics) -> None:
        self.core = core
        self._metrics = metrics

    def predict(self, request: Any, entrypoint: str, timeout_ms: int = 0) -> Any:
        """The PredictResponse to a PredictRequest, counted.

        Raises:
            StatusError: there is none.
        """
        start = time.perf_counter()
        try:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            with self.core.servable(request.model_spec) as servable:
                response = servable.predict(request, timeout_ms)
        except StatusError as error:
            self._metrics.asked(request.model_spec.name, error.code)
            raise
        self._metrics.asked(request.model_spec.name, "OK")
        self._metrics.took(request.model_spec.name, entrypoint, time.perf_counter() - start)
        return response

    def metadata(self, request: Any) -> Any:
        """The GetModelMetadataResponse to a GetModelMetadataRequest.

        Raises:
            StatusError: there is none.
        """
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self.core.servable(request.model_spec) as servable:
            for name, definition in servable.model.signatures.items():
                signatures.signature_def[name].CopyFrom(definition)
            response.model_spec.version.value = servable.version
        response.model_spec.name = request.model_spec.name
        response.metadata["signature_def"].Pack(signatures)
        return response

    def input_infos(self, spec: Any, signature: str) -> Any:
        """The inputs of a signature.

        Raises:
            StatusError: no such version, or no such signature.
        """
        name = signature or DEFAULT_SIGNATURE
        with self.core.servable(spec) as servable:
            found = servable.model.signatures.get(name)
        if found is None:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return found.inputs
