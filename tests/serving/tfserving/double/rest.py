"""The REST face.

Source: tensorflow_serving/model_servers/http_server.cc, http_rest_api_handler.cc, http_rest_api_util.cc.
"""

from __future__ import annotations

import json
import re
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import tensorflow as tf
from double.answers import Answers
from double.json_tensors import read_tensors
from double.json_text import columns_json, error_json, rows_json
from double.metrics import Metrics
from double.status import StatusError, invalid
from google.protobuf.json_format import MessageToJson
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

_VERSION = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_PREDICT = re.compile(rf"(?i)/v1/models/([^/:]+){_VERSION}:(classify|regress|predict)")
_STATUS = re.compile(rf"(?i)/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?")
_ANY = re.compile(r"(?i)/v1/.*")


class RestServer(ThreadingHTTPServer):
    """The REST port, a thread for each connection.

    Args:
        port: where to listen.
        answers: of the models.
        timeout_ms: longest time for an answer.
        metrics: shown under `monitoring_path`.
        monitoring_path: empty where no metrics are shown.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, answers: Answers, timeout_ms: int, metrics: Metrics, monitoring_path: str) -> None:
        super().__init__(("0.0.0.0", port), _Handler)
        self.answers = answers
        self.timeout_ms = max(0, timeout_ms)
        self.metrics = metrics
        self.monitoring_path = monitoring_path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RestServer

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if self.server.monitoring_path and path == self.server.monitoring_path:
            self._send(200, "text/plain", self.server.metrics.page())
        elif not _ANY.fullmatch(path):
            self._send(404, "text/html", "<html><head><title>404 Not Found</title></head><body></body></html>")
        else:
            self._answer_api(path, body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def _answer_api(self, path: str, body: bytes) -> None:
        try:
            status, text = 200, self._text(path, body)
        except StatusError as error:
            status, text = error.http, error_json(error.message)
        self._send(status, "application/json", text)

    def _text(self, path: str, body: bytes) -> str:
        if self.command == "POST" and (asked := _PREDICT.fullmatch(path)):
            name, version, label, method = asked.groups()
            if method != "predict":
                raise StatusError("UNIMPLEMENTED", f"this test server doesn't {method}")
            return self._predict(_spec(name, version, label), body)
        if self.command == "GET" and (asked := _STATUS.fullmatch(path)):
            name, version, label, metadata = asked.groups()
            if not name:
                raise invalid("Missing model name in request.")
            spec = _spec(name, version, label)
            return self._metadata(spec) if metadata else self._status(spec)
        raise invalid(f"Malformed request: {self.command} {path}")

    def _predict(self, spec: Any, body: bytes) -> str:
        answers = self.server.answers
        request = predict_pb2.PredictRequest(model_spec=spec)
        by_row = read_tensors(body, request, lambda signature: answers.input_infos(spec, signature))
        response = answers.predict(request, "REST", self.server.timeout_ms)
        outputs = {alias: tf.make_ndarray(tensor) for alias, tensor in response.outputs.items()}
        return rows_json(outputs) if by_row else columns_json(outputs)

    def _status(self, spec: Any) -> str:
        asked = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        return _json(self.server.answers.core.status(asked.model_spec))

    def _metadata(self, spec: Any) -> str:
        asked = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        response = self.server.answers.metadata(asked)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        model_spec = json.loads(_json(response.model_spec))
        # Both are there in the real one's, unset as they are.
        head = json.dumps({"name": "", "version": None, "signature_name": ""} | model_spec, indent=1)
        return f'{{\n"model_spec":{head}\n,\n"metadata": {{"signature_def": {_json(signatures)}}}\n}}\n'

    def _send(self, status: int, content_type: str, text: str) -> None:
        content = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        # In one write with the body: a second one would wait for the client's acknowledgement.
        self._headers_buffer.append(b"\r\n" + content)
        self.flush_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing about each request."""


def _spec(name: str, version: str | None, label: str | None) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = unquote(name)
    if version:
        if int(version) >= 2**63:
            raise invalid(f"Failed to convert version: {version} to numeric.")
        request.model_spec.version.value = int(version)
    if label:
        request.model_spec.version_label = unquote(label)
    return request.model_spec


def _json(message: Any) -> str:
    text: str = MessageToJson(
        message, indent=1, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return f"{text}\n"
