"""What a step asks of a cluster, typed; one on top of another."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

GPU_PRODUCT = "nvidia.com/gpu.product"
# The forms that kfp takes; Kubernetes' own allow a few more.
_CPU = re.compile(r"[0-9]+m|[0-9]+(\.[0-9]+)?")
_MEMORY = re.compile(r"[0-9]+(E|Ei|P|Pi|T|Ti|G|Gi|M|Mi|K|Ki)?")
_FACTORS: dict[str, int] = {
    letter + end: base**power
    for power, letter in enumerate("KMGTPE", start=1)
    for end, base in (("", 1000), ("i", 1024))
}


def _cpu(value: str) -> str:
    if not _CPU.fullmatch(value):
        raise ValueError("write cores as 2, 0.5 or 500m")
    return value


def _memory(value: str) -> str:
    if not _MEMORY.fullmatch(value):
        raise ValueError("write memory as 8Gi or 512Mi")
    return value


def cores(quantity: str) -> Decimal:
    """Cores of a quantity such as `500m`."""
    return Decimal(quantity[:-1]) / 1000 if quantity.endswith("m") else Decimal(quantity)


def memory_bytes(quantity: str) -> int:
    """Bytes of a quantity such as `8Gi`."""
    digits = quantity.rstrip("KMGTPEi")
    return int(digits) * _FACTORS.get(quantity[len(digits) :], 1)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, coerce_numbers_to_str=True)


class Cpu(_Frozen):
    """Cores, at least and at most."""

    request: Annotated[str, AfterValidator(_cpu)]
    limit: Annotated[str, AfterValidator(_cpu)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if cores(self.request) > cores(self.limit):
            raise ValueError(f"request {self.request} is above limit {self.limit}")
        return self


class Memory(_Frozen):
    """Memory, at least and at most."""

    request: Annotated[str, AfterValidator(_memory)]
    limit: Annotated[str, AfterValidator(_memory)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if memory_bytes(self.request) > memory_bytes(self.limit):
            raise ValueError(f"request {self.request} is above limit {self.limit}")
        return self


class Accelerator(_Frozen):
    """Cards of a step.

    Attributes:
        resource: as the device plug-in advertises it.
        count: how many; 0 for none.
        products: values of `label` that will do, for example the variants of a V100; empty for any.
        label: of the node, set by GPU feature discovery.
    """

    resource: str = "nvidia.com/gpu"
    count: int = Field(default=1, ge=0, le=16)
    products: tuple[str, ...] = ()
    label: str = GPU_PRODUCT


class Toleration(_Frozen):
    """A taint that the pod bears."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Exists"
    value: str | None = None
    effect: Literal["NoExecute", "NoSchedule", "PreferNoSchedule"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError("a toleration that says Exists has no value")
        if self.operator == "Equal" and not self.key:
            raise ValueError("a toleration that says Equal needs a key")
        return self


class Retry(_Frozen):
    """What happens when a step fails.

    Attributes:
        times: how often it is begun again.
        wait_seconds: before the first time.
        factor: each wait is so many times the one before.
        longest_seconds: after which it is given up.
    """

    times: int = Field(ge=0, le=20)
    wait_seconds: int = Field(default=30, ge=0)
    factor: float = Field(default=2.0, ge=1.0)
    longest_seconds: int = Field(default=3600, ge=1)


class Mount(_Frozen):
    """A claim, or a folder in it, at a path."""

    claim: str = Field(min_length=1)
    path: str = Field(pattern=r"^/")
    sub_path: str = ""


class SecretMount(_Frozen):
    """A secret's keys as files below a path."""

    secret: str = Field(min_length=1)
    path: str = Field(pattern=r"^/")


class Settings(_Frozen):
    """What a step asks for; a field that isn't given says nothing.

    Attributes:
        cpu: cores.
        memory: memory.
        accelerator: cards.
        node_selector: labels of the node, beside those of the accelerator's products.
        tolerations: taints borne; given, it replaces what was said before.
        retry: what happens when the step fails.
        timeout_seconds: after which the pod is killed, counted from when it was placed on a node.
        labels: of the pod; Kueue reads its queue and priority here. A label without a value is taken away.
        env: environment of the container. A name without a value is taken away.
        mounts: claims; given, it replaces what was said before.
        secrets: secrets as files; given, it replaces what was said before.
    """

    cpu: Cpu | None = None
    memory: Memory | None = None
    accelerator: Accelerator | None = None
    node_selector: dict[str, str | None] = {}
    tolerations: tuple[Toleration, ...] | None = None
    retry: Retry | None = None
    timeout_seconds: int | None = Field(default=None, ge=1)
    labels: dict[str, str | None] = {}
    env: dict[str, str | None] = {}
    mounts: tuple[Mount, ...] | None = None
    secrets: tuple[SecretMount, ...] | None = None

    @model_validator(mode="after")
    def _one_mount_a_claim(self) -> Self:
        claims = [mount.claim for mount in self.mounts or ()]
        if len(set(claims)) < len(claims):
            # kfp names the pod's volume after the claim: a second one makes the pod invalid.
            raise ValueError("a claim is mounted twice; mount it once, above both folders")
        return self

    @property
    def cards(self) -> int:
        """How many cards the step asks for."""
        return self.accelerator.count if self.accelerator else 0

    def under(self, other: Settings) -> Settings:
        """These, with what the other says on top."""
        said = {
            name: value
            for name in type(self).model_fields
            if (value := getattr(other, name)) is not None and value != {}
        }
        for name in ("node_selector", "labels", "env"):
            merged = {**getattr(self, name), **getattr(other, name)}
            said[name] = {key: value for key, value in merged.items() if value is not None}
        return self.model_copy(update=said)
