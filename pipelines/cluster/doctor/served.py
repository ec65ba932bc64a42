"""Which kinds of objects the API serves: discovery, which everybody may read."""

from __future__ import annotations

from functools import partial
from typing import Any

from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked, where_allowed

Served = dict[str, frozenset[str]]


def read_served(kube: Kube, groups: tuple[str, ...]) -> Served:
    """Kinds of each group as `plural.version`; nothing for a group that isn't there.

    Raises:
        InputError: the API doesn't answer.
    """
    with asked(kube, "its groups"):
        known = {one["name"]: one for one in _get(kube, "/apis").get("groups", ())}
        return {group: _kinds(kube, known[group]) if group in known else frozenset() for group in groups}


def plurals(served: Served, group: str) -> frozenset[str]:
    """Kinds of a group, whatever their version."""
    return frozenset(name.split(".")[0] for name in served.get(group, ()))


def _kinds(kube: Kube, group: dict[str, Any]) -> frozenset[str]:
    found = set()
    for version in group["versions"]:
        ask = partial(_get, kube, f"/apis/{version['groupVersion']}")
        answer = where_allowed(ask, {})
        found |= {
            f"{one['name']}.{version['version']}" for one in answer.get("resources", ()) if "/" not in one["name"]
        }
    return frozenset(found)


def _get(kube: Kube, path: str) -> dict[str, Any]:
    answer = kube.client.call_api(
        path,
        "GET",
        auth_settings=["BearerToken"],
        response_type="object",
        _return_http_data_only=True,
        _request_timeout=TIMEOUT_SECONDS,
    )
    return dict(answer)
