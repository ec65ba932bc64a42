"""Where a pipeline is to run: on this machine, or on a cluster as a profile says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from components.train.registry import DEFAULT_MEMBERS
from pipelines.platform.profile import (
    MEMBER_LISTS,
    MemberKind,
    Profile,
    member_kinds,
    member_parameters,
    training_parameters,
)
from pipelines.platform.settings import Settings

# kfp.local runs two iterations of a loop at once, whatever the pipeline says.
_LOCAL_TRAININGS_AT_ONCE = 2


@dataclass(frozen=True)
class Platform:
    """What the graph of the main job depends on, beside its code.

    Attributes:
        profile: None for this machine: no step asks for anything.
        kinds: loops of trainings.
        defaults: of the pipeline's parameters, by name.
    """

    profile: Profile | None
    kinds: tuple[MemberKind, ...]
    defaults: dict[str, Any] = field(default_factory=dict)

    def place(self, task: Any, step: str) -> Any:
        """The task of a step, with what the step asks for."""
        return task if self.profile is None else self._placed(task, self.profile, self.profile.step(step))

    def place_training(self, task: Any, kind: MemberKind) -> Any:
        """The task that trains members of a kind, with what they ask for."""
        return task if self.profile is None else self._placed(task, self.profile, kind.settings)

    @staticmethod
    def _placed(task: Any, profile: Profile, settings: Settings) -> Any:
        from pipelines.platform.apply import apply_profile

        apply_profile(task, profile, settings)
        return task


def local_platform(trainings_at_once: int) -> Platform:
    """This machine, with so many trainings side by side, as far as kfp.local goes."""
    return Platform(None, (MemberKind(MEMBER_LISTS[0], (), Settings(), trainings_at_once),))


LOCAL = local_platform(_LOCAL_TRAININGS_AT_ONCE)


def on_cluster(profile: Profile, members: Sequence[str] = DEFAULT_MEMBERS) -> Platform:
    """A profile, for a choice of members; its values are the defaults of the pipeline's parameters.

    Raises:
        InputError: members that are unknown, or ask for too many different things.
    """
    kinds = member_kinds(profile, members)
    serving = profile.serving
    defaults: dict[str, Any] = {
        **member_parameters(kinds, profile.budget_minutes),
        # A recurring run can't name it.
        "champion": -1,
        "store": profile.store,
        "work": profile.work,
        **training_parameters(profile),
    }
    if serving.rest:
        defaults |= {
            "smoke": True,
            "service": serving.rest,
            "service_grpc": serving.grpc,
            "service_seconds": serving.deadline_seconds,
            "service_tolerance": serving.tolerance,
            "service_key_file": serving.key_file,
            "service_ca": serving.ca,
        }
    return Platform(profile, kinds, defaults)
