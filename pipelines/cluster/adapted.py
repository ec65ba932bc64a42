"""A profile with names of one cluster in place of its own."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from components.errors import InputError
from pipelines.platform.profile import Profile
from pipelines.platform.settings import Mount, Settings

# KServe's name for the Service of a component: the InferenceService's own, and the component.
_SERVICE = re.compile(r"(?P<scheme>\w+://)[^:/.]+(?P<component>-transformer|-predictor)(?=[:/.]|$)")


def with_image(profile: Profile, image: str) -> Profile:
    """The profile with another image for every step."""
    return profile.model_copy(update={"image": image})


def with_service(profile: Profile, name: str) -> Profile:
    """The profile with another InferenceService for the smoke test; unchanged where it has no smoke test.

    Raises:
        InputError: the profile asks an address that is no service of KServe's.
    """
    moved = {}
    for key in ("rest", "grpc"):
        address = getattr(profile.serving, key)
        if not address:
            continue
        moved[key], count = _SERVICE.subn(rf"\g<scheme>{name}\g<component>", address, count=1)
        if not count:
            what = f"profile {profile.name} asks {address}, which is no InferenceService's own address"
            raise InputError(f"--service {name}", what, "write the address into the profile (serving)")
    return profile.model_copy(update={"serving": profile.serving.model_copy(update=moved)})


def with_store(profile: Profile, claim: str) -> Profile:
    """The profile with another claim mounted as the model store.

    Raises:
        InputError: the profile mounts no store.
    """

    def changed(settings: Settings) -> Settings:
        mounts = settings.mounts and tuple(
            mount.model_copy(update={"claim": claim}) if holds_store(mount) else mount for mount in settings.mounts
        )
        return settings.model_copy(update={"mounts": mounts})

    def holds_store(mount: Mount) -> bool:
        return PurePosixPath(profile.store).is_relative_to(mount.path)

    steps = {name: changed(settings) for name, settings in profile.steps.items()}
    result = profile.model_copy(update={"defaults": changed(profile.defaults), "steps": steps})
    if not any(holds_store(mount) for mount in profile.step("deploy").mounts or ()):
        fix = f"mount a claim at {profile.store} in the steps that use the store"
        raise InputError(f"--store-claim {claim}", f"profile {profile.name} mounts no store", fix)
    return result
