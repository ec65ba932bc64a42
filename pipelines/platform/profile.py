"""A profile: everything that a pipeline asks of a cluster, in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from components.errors import InputError
from components.image import IMAGE
from components.train.registry import DEFAULT_MEMBERS, MEMBERS, budget_shares
from components.train.wishes import AskedPrecision
from pipelines.cluster.window import find_zone, parse_window
from pipelines.platform.settings import Settings

PRESETS = files("pipelines.platform") / "profiles"
STEPS = (
    *("ingest", "preprocess", "train", "ensemble", "serving_check", "validate", "deploy", "smoke_test"),
    "batch_predict",
)
# The ensemble step takes so many lists of members: KFP can't join lists.
MEMBER_LISTS = ("members", "members_2", "members_3", "members_4")
# A smoke test that is killed while it still waits can't roll back.
_TIME_TO_ROLL_BACK_SECONDS = 120


class Serving(BaseModel):
    """The InferenceService that a new version is asked through.

    Attributes:
        rest: address of its REST port, `http://host:port`; empty for no smoke test.
        grpc: address of its PredictionService, `grpc://host:port`; empty for REST alone.
        deadline_seconds: how long it may take until the version answers.
        tolerance: how far answers may be from Keras', in parts of what is allowed on a CPU. Cards that compute in
            TensorFloat-32 (Ampere and later) need more than 1, or NVIDIA_TF32_OVERRIDE=0 in the server.
        key_file: file with the server's API key, from a mounted secret; empty for none.
        ca: PEM file of the authority that signed the server's certificate; empty for the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rest: str = ""
    grpc: str = ""
    deadline_seconds: int = Field(default=600, ge=1)
    tolerance: float = Field(default=1.0, gt=0)
    key_file: str = ""
    ca: str = ""


class Training(BaseModel):
    """How a training step is done, and when recurring runs train.

    Attributes:
        batch: windows or chunks of a step; None for the recipe's own.
        micro_batch: most of them in memory at once; None for as many as fit.
        precision: of the members' own layers; `auto` is half where the card gains by it.
        window: hours of the day in which recurring runs train, `02:00-10:00`; empty for runs that start at once.
        timezone: of the window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int | None = Field(default=None, ge=1)
    micro_batch: int | None = Field(default=None, ge=1)
    precision: AskedPrecision = "auto"
    window: str = ""
    timezone: str = "UTC"

    @field_validator("window")
    @classmethod
    def _is_a_window(cls, value: str) -> str:
        return _as_on_the_command_line(parse_window, value)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return _as_on_the_command_line(lambda name: find_zone(name, "timezone"), value)

    @model_validator(mode="after")
    def _micro(self) -> Self:
        if self.batch and self.micro_batch and self.micro_batch > self.batch:
            raise ValueError(f"micro_batch {self.micro_batch} is above batch {self.batch}")
        return self


class Profile(BaseModel):
    """What pipelines ask of a cluster.

    Attributes:
        name: of the profile.
        description: for whom it is.
        image: that every step runs in.
        image_pull_policy: of every step.
        image_pull_secrets: names of secrets.
        store: folder of the model store as the steps see it. Where the servers see it elsewhere, mount it there.
        work: folder for journals and checkpoints.
        gpu_trainings_at_once: members that train at once, of those with cards.
        cpu_trainings_at_once: the same, of those without.
        budget_minutes: wall-clock minutes of all training, where a run doesn't say.
        training: how a training step is done, and when.
        serving: whom the smoke test asks.
        defaults: of every step.
        steps: on top of it, by step.
        members: on top of the step `train`, by member.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][-a-z0-9]*$")
    description: str = ""
    image: str = IMAGE
    image_pull_policy: str = Field(default="IfNotPresent", pattern="^(Always|Never|IfNotPresent)$")
    image_pull_secrets: tuple[str, ...] = ()
    store: str = Field(default="/mnt/models", pattern="^/")
    work: str = Field(default="/mnt/work", pattern="^/")
    gpu_trainings_at_once: int = Field(default=1, ge=1)
    cpu_trainings_at_once: int = Field(default=2, ge=1)
    budget_minutes: float = Field(default=60.0, gt=0)
    training: Training = Training()
    serving: Serving = Serving()
    defaults: Settings = Settings()
    steps: dict[str, Settings] = {}
    members: dict[str, Settings] = {}

    @model_validator(mode="after")
    def _known(self) -> Self:
        for given, known, what in ((self.steps, STEPS, "step"), (self.members, MEMBERS, "member")):
            for name in given:
                if name not in known:
                    raise ValueError(f"there is no {what} {name}; choose from {', '.join(known)}")
        timeout = self.step("smoke_test").timeout_seconds
        if self.serving.rest and timeout and timeout < self.serving.deadline_seconds + _TIME_TO_ROLL_BACK_SECONDS:
            least = self.serving.deadline_seconds + _TIME_TO_ROLL_BACK_SECONDS
            raise ValueError(f"timeout_seconds of smoke_test must be at least {least}, else it can't roll back")
        return self

    def step(self, name: str) -> Settings:
        """What a step asks for."""
        return self.defaults.under(self.steps.get(name, Settings()))

    def member(self, name: str) -> Settings:
        """What the training of a member asks for."""
        return self.step("train").under(self.members.get(name, Settings()))


@dataclass(frozen=True)
class MemberKind:
    """Members that ask for the same: one loop of the pipeline.

    Attributes:
        parameter: of the pipeline, holds the members to train.
        members: their names.
        settings: what each of their trainings asks for.
        at_once: how many train at once.
    """

    parameter: str
    members: tuple[str, ...]
    settings: Settings
    at_once: int


def member_kinds(profile: Profile, members: Sequence[str] = DEFAULT_MEMBERS) -> tuple[MemberKind, ...]:
    """The members by what they ask for, those with the most cards first.

    Raises:
        InputError: none, unknown ones, or more different ones than the ensemble step can take.
    """
    unknown = [name for name in members if name not in MEMBERS]
    if unknown or not members:
        problem = f"there is no member {', '.join(unknown)}" if unknown else "no member is named"
        raise InputError("members", problem, f"choose from: {', '.join(MEMBERS)}")
    groups: list[tuple[Settings, list[str]]] = []
    for name in members:
        settings = profile.member(name)
        same = next((names for known, names in groups if known == settings), None)
        if same is None:
            groups.append((settings, [name]))
        else:
            same.append(name)
    if len(groups) > len(MEMBER_LISTS):
        raise InputError(
            f"profile {profile.name}",
            f"its members ask for {len(groups)} different things, of which KFP can join {len(MEMBER_LISTS)}",
            "give some members the same settings",
        )
    groups.sort(key=lambda group: -group[0].cards)
    return tuple(
        MemberKind(parameter, tuple(names), settings, _at_once(profile, settings))
        for parameter, (settings, names) in zip(MEMBER_LISTS, groups, strict=False)
    )


def member_parameters(kinds: Sequence[MemberKind], budget_minutes: float) -> dict[str, list[dict[str, Any]]]:
    """Arguments of the pipeline by parameter: which members to train, and each one's share of the budget.

    Kinds train side by side, so each has the whole budget.
    """
    return {
        kind.parameter: [
            {"member": name, "budget_seconds": round(seconds, 3)}
            for name, seconds in budget_shares(kind.members, budget_minutes * 60, kind.at_once).items()
        ]
        for kind in kinds
    }


def training_parameters(profile: Profile) -> dict[str, Any]:
    """Arguments of a pipeline that trains: how a step is done, where the profile says so."""
    said = profile.training.model_dump(include={"batch", "micro_batch", "precision"}, exclude_defaults=True)
    return {name: value for name, value in said.items() if value is not None}


def profile_names() -> tuple[str, ...]:
    """Names of the presets."""
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in PRESETS.iterdir() if entry.name.endswith(".yaml"))
    )


def load_profile(name: str) -> Profile:
    """A preset by its name, or the profile in a YAML file.

    Raises:
        InputError: there is none, or something in it is wrong.
    """
    if name in profile_names():
        return parse_profile((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"), f"profile {name}")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        presets = ", ".join(profile_names())
        raise InputError(name, f"can't be read ({error})", f"give a YAML file, or one of: {presets}") from None
    return parse_profile(text, name)


def parse_profile(text: str, origin: str) -> Profile:
    """The profile that a YAML text states.

    Raises:
        InputError: something in it is wrong.
    """
    try:
        facts = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(origin, f"is no YAML: {error}", f"compare it with one of: {_listed()}") from None
    if not isinstance(facts, Mapping):
        raise InputError(origin, "holds no keys", f"compare it with one of: {_listed()}")
    try:
        return Profile.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{origin}, {where}" if where else origin, problem, _fix(first["type"])) from None


def _as_on_the_command_line(read: Callable[[str], object], value: str) -> str:
    """The value, if an option takes it; pydantic knows ValueErrors alone."""
    if value:
        try:
            read(value)
        except InputError as error:
            raise ValueError(f"{error.problem}: {error.fix}") from None
    return value


def _at_once(profile: Profile, settings: Settings) -> int:
    return profile.gpu_trainings_at_once if settings.cards else profile.cpu_trainings_at_once


def _listed() -> str:
    return ", ".join(f"{name}.yaml" for name in profile_names())


def _fix(kind: str) -> str:
    return "remove it, or mend its name" if kind == "extra_forbidden" else "mend it; docs/pipelines.md lists the keys"
