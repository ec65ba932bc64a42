"""Which versions of a model are wanted, and what to do next to have them, without a moment in which none is served.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc and
tensorflow_serving/core/availability_preserving_policy.cc.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from double.servable import Servable
from double.status import StatusError, invalid


@dataclass
class Managed:
    """A version on its way from new to ended.

    Attributes:
        path: its folder.
        wanted: the policy asks for it.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        servable: where AVAILABLE.
        error: why it ended, where it ended by itself.
    """

    path: Path
    wanted: bool = True
    state: str = "START"
    servable: Servable | None = None
    error: StatusError | None = None


@dataclass
class Stream:
    """All versions of one model.

    Attributes:
        managed: those that are wanted, or still in memory.
        seen: the last state and error of each version that ever was.
    """

    managed: dict[int, Managed] = field(default_factory=dict)
    seen: dict[int, tuple[str, StatusError | None]] = field(default_factory=dict)

    def available(self) -> dict[int, Servable]:
        """What answers now."""
        return {
            version: one.servable
            for version, one in self.managed.items()
            if one.state == "AVAILABLE" and one.servable is not None
        }

    def want(self, paths: Mapping[int, Path]) -> None:
        """Wants these versions and no other."""
        for version, one in list(self.managed.items()):
            one.wanted = version in paths
            if not one.wanted and one.state in ("START", "END"):
                del self.managed[version]
        for version, path in paths.items():
            if version not in self.managed:
                self.managed[version] = Managed(path)
                self.seen[version] = ("START", None)

    def next_action(self) -> tuple[str, int] | None:
        """`("load", version)`, `("unload", version)`, or nothing to do."""
        wanted = {version: one for version, one in self.managed.items() if one.wanted}
        leaving = [v for v, one in self.managed.items() if not one.wanted and one.state == "AVAILABLE"]
        serving = any(one.state == "AVAILABLE" for one in wanted.values())
        if leaving and (not wanted or serving or len(leaving) > 1):
            return "unload", min(leaving)
        new = [version for version, one in wanted.items() if one.state == "START"]
        return ("load", max(new)) if new else None


def wanted_paths(base: Path, name: str, policy: Any) -> dict[int, Path]:
    """The folders of the versions that a ServableVersionPolicy asks for, as far as they are there.

    Raises:
        StatusError: the base path isn't there.
    """
    if not base.exists():
        raise invalid(f"Could not find base path {base} for servable {name}")
    found = {int(child.name): child for child in base.iterdir() if child.name.isdecimal()}
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return found
    if choice == "specific":
        return {version: found[version] for version in policy.specific.versions if version in found}
    most = max(policy.latest.num_versions, 1)
    return {version: found[version] for version in sorted(found, reverse=True)[:most]}
