"""The connection to the cluster's API, and its failures in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from components.errors import InputError

# (connect, read): a look at a cluster that doesn't answer ends soon.
TIMEOUT_SECONDS = (5, 20)
_NOT_FOUND = (403, 404)


@dataclass(frozen=True)
class Kube:
    """A cluster.

    Attributes:
        client: `kubernetes.client.ApiClient`.
        context: of the kubeconfig; `in-cluster` within a pod.
        namespace: that is looked at.
        host: address of its API.
    """

    client: Any
    context: str
    namespace: str
    host: str

    @property
    def core(self) -> Any:
        """Pods, nodes, events."""
        from kubernetes import client

        return client.CoreV1Api(self.client)

    @property
    def custom(self) -> Any:
        """Objects of resource definitions."""
        from kubernetes import client

        return client.CustomObjectsApi(self.client)


def connect_kube(context: str, namespace: str) -> Kube:
    """The cluster of a context of the kubeconfig; within a pod and without one, the cluster around it.

    Raises:
        InputError: there is no kubeconfig, or no such context in it.
    """
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    configuration = client.Configuration()
    # One attempt: urllib3's own three would make a wrong address wait three times.
    configuration.retries = 0
    try:
        # The client's own default is what the environment said when it was imported.
        file = os.environ.get("KUBECONFIG") or None
        names, active = config.list_kube_config_contexts(config_file=file)
        chosen = _chosen(names, active, context)
        config.load_kube_config(config_file=file, context=chosen["name"], client_configuration=configuration)
        home = str(chosen["context"].get("namespace") or "default")
        return _made(configuration, chosen["name"], namespace or home)
    except ConfigException as error:
        if context:
            raise InputError(f"--context {context}", str(error), "see: kubectl config get-contexts") from None
    try:
        config.load_incluster_config(client_configuration=configuration)
    except ConfigException:
        raise InputError(
            "kubeconfig", "there is none, and this is no pod", "set KUBECONFIG, or log in to the cluster"
        ) from None
    return _made(configuration, "in-cluster", namespace or "default")


@contextmanager
def asked(kube: Kube, what: str) -> Iterator[None]:
    """Tells a failure as one of the cluster, while it was asked for something.

    Raises:
        InputError: whatever the client raised.
    """
    import urllib3
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except ApiException as error:
        if error.status == 403:
            fix = f"ask for the right to it in namespace {kube.namespace}"
            raise InputError(f"context {kube.context}", f"you may not read {what}", fix) from None
        if error.status == 401:
            raise InputError(f"context {kube.context}", "doesn't know you any more", "log in anew") from None
        raise InputError(f"context {kube.context}", f"refuses {what}: {error.reason}", "see kubectl") from None
    except urllib3.exceptions.HTTPError as error:
        text = str(getattr(error, "reason", None) or error).split(": ", 1)[-1]
        raise InputError(
            f"context {kube.context}", f"its API at {kube.host} can't be reached: {text}", "check: kubectl version"
        ) from None


def where_allowed(ask: Callable[[], Any], otherwise: Any) -> Any:
    """The answer, or something else where there is no such kind of object, or we may not read it."""
    from kubernetes.client.exceptions import ApiException

    try:
        return ask()
    except ApiException as error:
        if error.status in _NOT_FOUND:
            return otherwise
        raise


def _chosen(names: list[dict[str, Any]], active: dict[str, Any] | None, context: str) -> dict[str, Any]:
    if not context and active:
        return active
    found = next((one for one in names if one["name"] == context), None)
    if found is None:
        known = ", ".join(one["name"] for one in names)
        raise InputError(f"--context {context}", "there is no such context", f"choose one of: {known or 'none'}")
    return found


def _made(configuration: Any, context: str, namespace: str) -> Kube:
    from kubernetes import client

    return Kube(client.ApiClient(configuration), context, namespace, configuration.host)
