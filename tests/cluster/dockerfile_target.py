"""A Dockerfile of one target, for builders that know neither an argument in FROM nor targets."""

from __future__ import annotations

import re


def single_target(text: str, target: str, base: str) -> str:
    """The stages of a Dockerfile that the target is made from, with the base image written out, the target last."""
    head, *parts = re.split(r"(?m)^(?=FROM )", text)
    stages = {}
    for part in parts:
        found = re.match(r"FROM \S+ AS (\S+)", part)
        if found:
            stages[found[1]] = part
    needed = _needed(stages, target)
    return (
        head
        + "".join(part for name, part in stages.items() if name in needed and name != target).replace("${BASE}", base)
        + stages[target].replace("${BASE}", base)
    )


def _needed(stages: dict[str, str], target: str) -> set[str]:
    from_stages = re.findall(r"(?m)^FROM (\S+)|--from=(\S+)", stages[target])
    before = {name for pair in from_stages for name in pair if name in stages}
    return {target}.union(*(_needed(stages, name) for name in before))
