"""A pipeline's function, as KFP traces it for a platform."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pipelines.platform.platform import Platform
from pipelines.platform.profile import MEMBER_LISTS

Results = TypeVar("Results")


def for_platform(job: Callable[..., Results], platform: Platform) -> Callable[..., Results]:
    """The function without its first parameter, the platform, without lists of members that aren't used, with defaults.

    Args:
        job: takes a platform, then the pipeline's parameters.
        platform: where the pipeline is to run; its defaults take the place of the function's own.
    """
    used = {kind.parameter for kind in platform.kinds}
    signature = inspect.signature(job)
    kept = {
        name: parameter.replace(default=platform.defaults.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
        if name != "platform" and (name not in MEMBER_LISTS or name in used)
    }
    # A parameter without a default can't follow one that has it.
    ordered = sorted(kept.values(), key=lambda parameter: parameter.default is not inspect.Parameter.empty)

    def traced(*values: Any) -> Results:
        names = (parameter.name for parameter in ordered)
        return job(platform, **dict(zip(names, values, strict=True)))

    traced.__doc__ = job.__doc__
    traced.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
    return traced
