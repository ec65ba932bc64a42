"""Pods that the API refused, so that only their controller can tell of them."""

from __future__ import annotations

import re

from pipelines.cluster.pending.placement import all_hold
from pipelines.cluster.pending.shortage import moment_text
from pipelines.cluster.pending.snapshot import PRIORITY_CLASS, Cause, Pod, Quota, Surroundings, Unmade

_EXCEEDED = re.compile(
    r"exceeded quota: (?P<quota>\S+), requested: (?P<requested>.+?), used: (?P<used>.+?), limited: (?P<limited>.+)"
)
_UNSAID = re.compile(r"failed quota: (?P<quota>\S+): must specify (?P<what>.+)")
_SECURITY = "violates PodSecurity"
_PRIORITY = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")


def refusal_cause(unmade: Unmade, around: Surroundings) -> Cause:
    """Why its pod was refused, from the message of the API."""
    exceeded = _EXCEEDED.search(unmade.message)
    if exceeded:
        return _exceeded(exceeded, around)
    unsaid = _UNSAID.search(unmade.message)
    if unsaid:
        what = f"quota {unsaid['quota']} wants every container to say its {unsaid['what']}"
        fix = "say it, or give the namespace a LimitRange (values: limitRange.enabled)"
        return Cause("quota_unsaid", what, fix, {"quota": unsaid["quota"]})
    priority = _PRIORITY.search(unmade.message)
    if priority:
        what = f"there is no PriorityClass {priority['name']}"
        return Cause("no_priority_class", what, "choose one of: kubectl get priorityclass", {"name": priority["name"]})
    if _SECURITY in unmade.message:
        level = f"kubectl get namespace {around.namespace} --show-labels"
        return Cause("pod_security", _plain(unmade.message), f"mend the securityContext; the level is in: {level}")
    return Cause(
        "refused", _plain(unmade.message), f"kubectl describe {unmade.kind.lower()} -n {around.namespace} {unmade.name}"
    )


def _exceeded(match: re.Match[str], around: Surroundings) -> Cause:
    requested, used, limited = (_figures(match[name]) for name in ("requested", "used", "limited"))
    over = "; ".join(
        f"{name}: {used.get(name, '0')} of {limited[name]} used, {amount} more wanted"
        for name, amount in requested.items()
        if name in limited
    )
    quota = next((one for one in around.quotas if one.name == match["quota"]), None)
    users = _users(tuple(requested), quota, around)
    scope = f" (for pods with {quota.scope})" if quota and quota.scope else ""
    what = f"quota {match['quota']}{scope} is used up: {over}"
    if users:
        what += "; used by " + ", ".join(_user(one, around) for one in users[:5])
    fix = f"wait until one of them ends, or raise it: kubectl edit resourcequota -n {around.namespace} {match['quota']}"
    facts = {"quota": match["quota"], "requested": requested, "used": used, "limited": limited}
    return Cause("quota", what, fix, {**facts, "users": [one.full_name for one in users]})


def _users(resources: tuple[str, ...], quota: Quota | None, around: Surroundings) -> list[Pod]:
    plain = {name.removeprefix("requests.").removeprefix("limits.") for name in resources}
    everyone = "pods" in plain
    counted = (pod for pod in around.own if not pod.over and (quota is None or _counts(quota, pod)))
    return [pod for pod in counted if everyone or any(pod.asks.get(name) for name in plain)]


def _counts(quota: Quota, pod: Pod) -> bool:
    return all_hold(quota.classes, {PRIORITY_CLASS: pod.priority_class} if pod.priority_class else {})


def _user(pod: Pod, around: Surroundings) -> str:
    since = moment_text(pod.created, around.now)
    return (
        f"{pod.name} (since {since}, until {moment_text(pod.ends, around.now)})"
        if pod.ends
        else f"{pod.name} (since {since})"
    )


def _figures(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)


def _plain(message: str) -> str:
    """Without the part that repeats which pod was made."""
    return re.sub(r'^Error creating: pods "[^"]*" is forbidden: ', "", message)
