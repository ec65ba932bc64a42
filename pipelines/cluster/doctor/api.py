"""The API server: its version, and its clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pipelines.cluster.doctor.finding import Finding, fail, ok, warn
from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked

_OLDEST = (1, 28)
# The Date header counts in seconds, and half a question's time is not known.
_UNSEEN_SECONDS = 2.0
_NOTABLE_SECONDS = 5.0
# Bearer tokens and certificates that are new are refused before this.
_TOO_MUCH_SECONDS = 60.0


def api_findings(kube: Kube, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[Finding]:
    """The version, and how far the clocks are apart.

    Raises:
        InputError: the API doesn't answer.
    """
    from kubernetes import client

    with asked(kube, "its version"):
        before = clock()
        answer = client.VersionApi(kube.client).get_code_with_http_info(_request_timeout=TIMEOUT_SECONDS)
        middle = before + (clock() - before) / 2
    version, headers = answer[0], answer[2]
    there = headers.get("Date") or headers.get("date")
    found = [judge_version(f"{version.major}.{version.minor}", kube.host)]
    return [*found, judge_clock(parsedate_to_datetime(there) - middle)] if there else found


def judge_version(text: str, host: str) -> Finding:
    """Whether a version of Kubernetes is one that the chart and KServe know."""
    numbers = [int(part) for part in re.findall(r"\d+", text)[:2]]
    said = f"Kubernetes {text} at {host}"
    if tuple(numbers) < _OLDEST:
        return fail("api", f"{said} is too old", f"upgrade the cluster to {_OLDEST[0]}.{_OLDEST[1]} or later")
    return ok("api", said)


def judge_clock(ahead: timedelta) -> Finding:
    """Whether the API server's clock and ours agree; `ahead` is by how much the former is later."""
    seconds = abs(ahead.total_seconds())
    if seconds <= _NOTABLE_SECONDS:
        return ok("clock", f"within {max(seconds, _UNSEEN_SECONDS):.0f} s of this machine's")
    side = "ahead of" if ahead > timedelta() else "behind"
    what = f"the API server's clock is {seconds:.0f} s {side} this machine's"
    fix = "set both by NTP: timedatectl set-ntp true"
    if seconds > _TOO_MUCH_SECONDS:
        return fail("clock", f"{what}: tokens are refused, and schedules start at the wrong time", fix)
    return warn("clock", what, fix)
