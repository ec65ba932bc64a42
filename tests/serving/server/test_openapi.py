"""The OpenAPI document tells the truth: whatever is asked by it is answered as it says, and never with a 5xx."""

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 15


@pytest.fixture(scope="module")
def document(server) -> dict:
    """What the server says of itself."""
    return httpx.get(f"http://localhost:{server.http}/openapi.json").json()


def test_every_route_is_described_once_with_its_refusals(document):
    shapes = [path.replace("{model_name}", "{name}") for path in document["paths"]]
    assert len(shapes) == len(set(shapes))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["responses"].keys() >= {"200", "400", "401", "404"}, path
            if method == "post" and "repository" not in path:
                assert "requestBody" in operation, path
                assert "429" in operation["responses"], path
    for path in ("/v1/models/{name}:predict", "/v2/models/{name}/infer", "/v1/timeseries/forecast", "/v1/forecasts"):
        assert path in document["paths"]


def operations(document, url):
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    return [found.ok() for found in schema.get_all_operations()]


def test_what_is_asked_by_the_document_is_answered_as_it_says(server, document):
    url = f"http://localhost:{server.http}"
    models = st.sampled_from(["river", "tidal", None])
    for operation in operations(document, url):

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(), models)
        def check(case, model):
            # A name out of nowhere is never served: most requests name a model that is.
            for name in ("name", "model", "model_name"):
                if model is not None and name in case.path_parameters:
                    case.path_parameters[name] = model
            response = case.call()
            case.validate_response(response, checks=CHECKS)

        check()
    assert server.process.poll() is None
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "body",
    [
        {"instances": np.zeros((2, 12, 3)).tolist()},
        {"instances": [{"window": np.zeros((12, 3)).tolist()}], "signature_name": "serving_default"},
    ],
)
def test_an_answer_to_windows_is_as_described(server, document, body):
    url = f"http://localhost:{server.http}"
    operation = next(one for one in operations(document, url) if one.path == "/v1/models/{name}:predict")
    case = operation.Case(path_parameters={"name": "river"}, body=body, media_type="application/json")
    response = case.call()
    assert response.status_code == 200
    case.validate_response(response, checks=CHECKS)


def test_answers_about_a_version_are_as_described(server, document):
    url = f"http://localhost:{server.http}"
    for operation in operations(document, url):
        if operation.method == "get" and "{version}" in operation.path:
            for version, status in (("1", 200), ("2", 404), ("x", 404)):
                case = operation.Case(path_parameters={"name": "river", "version": version})
                response = case.call()
                assert response.status_code == status
                case.validate_response(response, checks=CHECKS)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/repository/models/river/load", 400),
        ("POST", "/v2/repository/models/river/unload", 400),
        ("POST", "/v2/repository/models/lake/load", 404),
        ("POST", "/v2/repository/models/lake/unload", 404),
        ("POST", "/v1/models/river:explain", 400),
        ("POST", "/v1/models/lake:explain", 404),
        ("GET", "/v2/models/river/versions/1", 200),
        ("GET", "/v2/models/river/versions/9", 404),
        ("GET", "/v2/models/river/versions/1/ready", 200),
        ("GET", "/v2/models/river/versions/9/ready", 404),
        ("GET", "/v2/models/river?model_version=1", 200),
        ("DELETE", "/v1/models/river", 405),
        ("TRACE", "/", 405),
    ],
)
def test_what_kserve_does_not_answer_is_no_failure_of_the_server(server, method, path, status):
    reply = httpx.request(method, f"http://localhost:{server.http}{path}")
    assert reply.status_code == status
    assert "error" in reply.json() or status == 200
