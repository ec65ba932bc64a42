"""A server that speaks KFP's REST, v2beta1, and keeps what it is given; kfp-server-api's models read the requests."""

from __future__ import annotations

import itertools
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api
import pytest
import trustme
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

API = "/apis/v2beta1"
CRON_FIELDS = re.compile(r"\S+( \S+){5}")


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Kfp:
    """State of the server, and how it behaves."""

    multi_user: bool = False
    token: str = ""
    html: bool = False
    namespaces: tuple[str, ...] = ("team",)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurring: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    broken: int = 0
    url: str = ""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012d}"

    # --- what a request does

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes) -> Any:
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            raise RefusedError(401, "Unauthenticated: the request has no valid token")
        if self.broken:
            self.broken -= 1
            raise RefusedError(503, "no healthy upstream")
        routes = (
            ("GET", rf"{API}/healthz", lambda: {"multi_user": self.multi_user}),
            ("GET", rf"{API}/pipelines", lambda: self._list("pipelines", self.pipelines, query)),
            ("POST", rf"{API}/pipelines", lambda: self._create_pipeline(body)),
            ("GET", rf"{API}/pipelines/([^/]+)/versions", lambda id: self._list_versions(id, query)),
            ("POST", rf"{API}/pipelines/upload_version", lambda: self._upload_version(query, headers, body)),
            ("GET", rf"{API}/experiments", lambda: self._list("experiments", self.experiments, query)),
            ("POST", rf"{API}/experiments", lambda: self._create_experiment(body)),
            ("POST", rf"{API}/runs", lambda: self._create_run(body)),
            ("GET", rf"{API}/runs/([^/]+)", self._get_run),
            ("POST", rf"{API}/recurringruns", lambda: self._create_recurring(body)),
        )
        for verb, pattern, handle in routes:
            match = re.fullmatch(pattern, path)
            if verb == method and match:
                return handle(*match.groups())
        raise RefusedError(404, f"Not Found: {method} {path}")

    def _create_pipeline(self, body: bytes) -> dict[str, Any]:
        pipeline = read(body, "V2beta1Pipeline")
        if not pipeline.get("display_name") and not pipeline.get("name"):
            raise RefusedError(400, "Invalid input error: pipeline's name can't be empty")
        if any(known["display_name"] == pipeline["display_name"] for known in self.pipelines.values()):
            raise RefusedError(409, "Already exist error: the name of the pipeline is taken")
        return self._keep(self.pipelines, "pipeline_id", pipeline)

    def _upload_version(self, query: dict[str, str], headers: Any, body: bytes) -> dict[str, Any]:
        if query["pipelineid"] not in self.pipelines:
            raise RefusedError(404, "ResourceNotFoundError: no such pipeline")
        documents = list(yaml.safe_load_all(uploaded(headers, body)))
        json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(documents[1] if len(documents) > 1 else {}, pipeline_spec_pb2.PlatformSpec())
        version = {
            "pipeline_id": query["pipelineid"],
            "display_name": query["name"],
            "pipeline_spec": {"pipeline_spec": documents[0], "platform_spec": (documents[1:] or [{}])[0]},
        }
        return self._keep(self.versions, "pipeline_version_id", version)

    def _list_versions(self, pipeline_id: str, query: dict[str, str]) -> dict[str, Any]:
        of_pipeline = {id: one for id, one in self.versions.items() if one["pipeline_id"] == pipeline_id}
        return self._list("pipeline_versions", of_pipeline, query)

    def _create_experiment(self, body: bytes) -> dict[str, Any]:
        experiment = read(body, "V2beta1Experiment")
        self._check_namespace(experiment.get("namespace", ""))
        return self._keep(self.experiments, "experiment_id", experiment)

    def _create_run(self, body: bytes) -> dict[str, Any]:
        run = read(body, "V2beta1Run")
        self._check_start(run)
        return self._keep(self.runs, "run_id", {**run, "state": "PENDING"})

    def _create_recurring(self, body: bytes) -> dict[str, Any]:
        recurring = read(body, "V2beta1RecurringRun")
        self._check_start(recurring)
        cron = recurring.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
        if not CRON_FIELDS.fullmatch(cron):
            raise RefusedError(400, f"Invalid input error: schedule cron is not supported format: {cron}")
        if not 1 <= int(recurring.get("max_concurrency", 0)) <= 10:
            raise RefusedError(400, "Invalid input error: max_concurrency is out of range [1, 10]")
        return self._keep(self.recurring, "recurring_run_id", {**recurring, "status": "ENABLED"})

    def _get_run(self, run_id: str) -> dict[str, Any]:
        if run_id not in self.runs:
            raise RefusedError(404, f"ResourceNotFoundError: run {run_id} not found")
        if self.states:
            self.runs[run_id] |= self.states.pop(0)
        return self.runs[run_id]

    # --- what the server checks and keeps

    def _check_start(self, start: dict[str, Any]) -> None:
        reference = start["pipeline_version_reference"]
        version = self.versions.get(reference["pipeline_version_id"])
        if version is None or version["pipeline_id"] != reference["pipeline_id"]:
            raise RefusedError(404, "ResourceNotFoundError: no such version of the pipeline")
        if start["experiment_id"] not in self.experiments:
            raise RefusedError(404, "ResourceNotFoundError: no such experiment")
        given = start["runtime_config"]["parameters"]
        declared = version["pipeline_spec"]["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        unknown = sorted(set(given) - set(declared))
        missing = sorted(name for name, one in declared.items() if not one.get("isOptional") and name not in given)
        if unknown or missing:
            raise RefusedError(400, f"Invalid input error: unknown parameters {unknown}, missing parameters {missing}")
        for name, value in given.items():
            kind = declared[name]["parameterType"]
            fits = {"STRING": str, "NUMBER_INTEGER": int, "LIST": list, "BOOLEAN": bool, "NUMBER_DOUBLE": float}[kind]
            if not isinstance(value, fits):
                raise RefusedError(400, f"Invalid input error: parameter {name} is no {kind}")

    def _check_namespace(self, namespace: str) -> None:
        if self.multi_user and namespace not in self.namespaces:
            raise RefusedError(403, f"PermissionDenied: user can't create experiments in namespace '{namespace}'")

    def _keep(self, table: dict[str, Any], key: str, one: dict[str, Any]) -> dict[str, Any]:
        kept = {**one, key: self.new_id(), "created_at": datetime.now(UTC).isoformat()}
        table[kept[key]] = kept
        return kept

    @staticmethod
    def _list(name: str, table: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
        found = list(table.values())
        for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
            assert predicate["operation"] in (1, "EQUALS")
            value = predicate.get("stringValue", predicate.get("string_value"))
            found = [one for one in found if one.get(predicate["key"]) == value]
        # As the real one: an empty list has no key.
        return {name: found, "total_size": len(found)} if found else {}


def read(body: bytes, model: str) -> dict[str, Any]:
    """The request as its model has it; a key that the model hasn't, or a value of another type, is refused."""
    facts = json.loads(body)
    client = kfp_server_api.ApiClient()
    try:
        parsed = client.deserialize(SimpleNamespace(data=body.decode()), model)
    except (kfp_server_api.ApiException, ValueError, TypeError) as error:
        raise RefusedError(400, f"Invalid input error: {error}") from error
    kept = client.sanitize_for_serialization(parsed)
    lost = sorted(set(facts) - set(kept))
    if lost:
        raise RefusedError(400, f"Invalid input error: {model} has no {', '.join(lost)}")
    return dict(kept)


def uploaded(headers: Any, body: bytes) -> bytes:
    """Content of the multipart field `uploadfile`."""
    message = message_from_bytes(b"content-type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
    for part in message.walk():
        if part.get_param("name", header="content-disposition") == "uploadfile":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return content
    raise RefusedError(400, "Invalid input error: no file uploadfile in the form")


def make_handler(kfp: Kfp) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if kfp.html:
                self._reply(200, b"<html>Sign in</html>", "text/html")
                return
            try:
                answer = kfp.answer(self.command, parts.path, query, self.headers, body)
                self._reply(200, json.dumps(answer).encode(), "application/json")
            except RefusedError as refused:
                facts = {"code": refused.status, "message": str(refused), "error": str(refused)}
                self._reply(refused.status, json.dumps(facts).encode(), "application/json")

        def _reply(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _handle  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(state: Kfp, context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(state))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def kfp() -> Iterator[Kfp]:
    state = Kfp()
    with serving(state) as port:
        state.url = f"http://127.0.0.1:{port}"
        yield state


@pytest.fixture
def kfp_over_tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address of a server, and the file of its private authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    with serving(Kfp(), context) as port:
        yield f"https://localhost:{port}", file
