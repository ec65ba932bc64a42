"""The connection to Kubeflow Pipelines, and its failures in words."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from components.errors import InputError

_PROBE_SECONDS = 15
_FORWARD = "kubectl port-forward -n kubeflow svc/ml-pipeline 8888"
_FIXES = {
    401: "give a token with --token-file",
    403: "ask for the rights to it; `sluice doctor` lists those that are missing",
    404: "give the address that serves /apis/v2beta1, without a path of the UI's pages",
    409: "choose another name",
    413: "KFP takes pipelines up to 32 MB",
    503: "wait until its pods are ready: kubectl get pods -n kubeflow -l app=ml-pipeline",
}


@dataclass(frozen=True)
class KfpServer:
    """Where Kubeflow Pipelines is, and how it knows us.

    Attributes:
        host: address of its API, `http://host:port`, with a path where a proxy asks for one.
        namespace: of the runs, where the server has many users; empty otherwise.
        token: for its authorization; empty for none.
        ca: PEM file of the authority that signed its certificate; None for the system's.
    """

    host: str
    namespace: str = ""
    token: str = ""
    ca: Path | None = None


def connect(server: KfpServer) -> Any:
    """A `kfp.Client` for a server that has answered.

    Raises:
        InputError: it can't be reached, or asks for something that isn't given.
    """
    address = urlsplit(server.host)
    if address.scheme not in ("http", "https") or not address.hostname:
        fix = f"write it as --host http://localhost:8888, after: {_FORWARD}"
        raise InputError(f"--host {server.host}", "is no address", fix)
    if server.ca is not None and not server.ca.is_file():
        raise InputError(f"--ca {server.ca}", "there is no such file", "give the authority's PEM file")
    health = _health(server)
    if health.get("multi_user") and not server.namespace:
        raise InputError(
            server.host, "has many users, each with a namespace", "say whose run it is with --namespace NAME"
        )
    import kfp

    with quiet():
        # The client's own name for "no namespace" is the one that it installs KFP in.
        return kfp.Client(
            host=server.host,
            namespace=server.namespace or "kubeflow",
            existing_token=server.token or None,
            ssl_ca_cert=str(server.ca) if server.ca else None,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps what kfp prints and warns of off the terminal: links of the UI on stdout, among others."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def asked(server: KfpServer, what: str) -> Iterator[None]:
    """Tells a failure as one of the server at this address, while it was asked for something.

    Raises:
        InputError: whatever kfp raised.
    """
    import kfp_server_api
    import urllib3

    try:
        with quiet():
            yield
    except kfp_server_api.ApiException as error:
        raise _refused(server, what, error) from None
    except urllib3.exceptions.HTTPError as error:
        raise _unreachable(server, error) from None


def _health(server: KfpServer) -> dict[str, Any]:
    """What the server says of itself. kfp's own probe waits half a minute for a wrong address."""
    import kfp_server_api

    configuration = kfp_server_api.Configuration(host=server.host.rstrip("/"))
    configuration.ssl_ca_cert = str(server.ca) if server.ca else None
    configuration.retries = 0
    if server.token:
        configuration.api_key["authorization"] = server.token
        configuration.api_key_prefix["authorization"] = "Bearer"
    api = kfp_server_api.HealthzServiceApi(kfp_server_api.ApiClient(configuration))
    with asked(server, "its health"):
        answer = api.healthz_service_get_healthz(_preload_content=False, _request_timeout=_PROBE_SECONDS)
    try:
        found = json.loads(answer.data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(
            server.host,
            "answers, but not as the API of Kubeflow Pipelines",
            "give the API's address; behind a login page, give a token with --token-file",
        )
    return found


def _refused(server: KfpServer, what: str, error: Any) -> InputError:
    status = error.status or 0
    if status == 0:
        return InputError(
            server.host, f"can't be asked for {what}: {error.reason}", _certificate_fix(str(error.reason))
        )
    said = _message(error.body) or error.reason or ""
    fix = _FIXES.get(status, "see the server's log: kubectl logs -n kubeflow deploy/ml-pipeline --tail 50")
    return InputError(server.host, f"refuses {what} (HTTP {status}): {said}".rstrip(": "), fix)


def _unreachable(server: KfpServer, error: Exception) -> InputError:
    reason = getattr(error, "reason", None) or error
    text = str(reason).split(": ", 1)[-1]
    return InputError(server.host, f"can't be reached: {text}", _certificate_fix(str(reason)))


def _certificate_fix(reason: str) -> str:
    if "CERTIFICATE" in reason.upper():
        return "give the authority of its certificate with --ca FILE"
    return f"check --host; from outside the cluster: {_FORWARD}"


def _message(body: Any) -> str:
    """What KFP says in an error's body: `message` of a google.rpc.Status, older servers say `error`."""
    try:
        facts = json.loads(body)
    except (TypeError, ValueError):
        return ""
    if not isinstance(facts, dict):
        return ""
    details = facts.get("message") or facts.get("error") or ""
    return str(details).strip().splitlines()[0] if details else ""
