"""`sluice submit`: the training pipeline on a cluster, once or each day."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.errors import InputError
from pipelines.cli import access, options
from pipelines.cli.guard import FAILED, REFUSED, guarded

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.cluster.kfp_server import KfpServer
    from pipelines.cluster.submission import Package, Training
    from pipelines.cluster.submit import Start, Submitted
    from pipelines.cluster.watch import Outcome, Progress
    from pipelines.cluster.window import Schedule
    from pipelines.platform.profile import Profile


def submit(
    host: Annotated[str, typer.Option(metavar="URL", help="The API of Kubeflow Pipelines, as http://localhost:8888.")],
    dataset: Annotated[
        str, typer.Argument(metavar="[DATASET]", help="A dataset file (.yaml) or a preset.  [only upload]")
    ] = "",
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Readings as the steps see them: a path in a claim, or an SQL URL."),
    ] = None,
    profile: Annotated[
        str, typer.Option(metavar="PROFILE", help="What the steps ask for: dedicated, shared, cpu or a file.")
    ] = "dedicated",
    image: Annotated[str, typer.Option(metavar="NAME", help="Image of the steps.  [the profile's]")] = "",
    service: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="InferenceService that a new version is tried through.  [the dataset's name]"
        ),
    ] = "",
    store_claim: Annotated[str, typer.Option(metavar="NAME", help="Claim of the model store.  [the profile's]")] = "",
    members: Annotated[str | None, typer.Option(metavar="A,B", help="Members to train.  [all but patchtst]")] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Wall-clock minutes of all training.  [the profile's]")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of all randomness.")] = 0,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", metavar="NAME", help="Of the run, where KFP has many users.")
    ] = "",
    experiment: Annotated[str, typer.Option(metavar="NAME", help="Experiment that groups the runs.")] = "sluice",
    run_name: Annotated[str, typer.Option(metavar="NAME", help="Name of the run.  [DATASET and the time]")] = "",
    schedule: Annotated[
        str, typer.Option(metavar="CRON", help='When to start, again and again: six fields, as "0 0 2 * * *".')
    ] = "",
    window: Annotated[
        str,
        typer.Option(
            metavar="FROM-TO", help="Start each day at FROM and be done by TO, as 22:00-06:00.  [the profile's]"
        ),
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="Start now and no more, whatever window the profile has.")
    ] = False,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Of --schedule and --window, as Asia/Seoul.  [the profile's, else UTC]")
    ] = "",
    controller_timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="KFP's CRON_SCHEDULE_TIMEZONE, if somebody has set it.")
    ] = "UTC",
    service_account: Annotated[str, typer.Option(metavar="NAME", help="Of the run's pods.  [KFP's]")] = "",
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Holds a bearer token for KFP.")] = None,
    ca: access.Authority = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until the run ends.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Upload the training pipeline to Kubeflow Pipelines, and run it.

    Without DATASET it is only uploaded, to be run from the UI.

    Example: sluice submit walnut_creek.yaml --host http://localhost:8888 --data /mnt/work/readings.csv
    """
    with guarded(debug):
        from pipelines.cluster.kfp_server import KfpServer
        from pipelines.cluster.submission import package
        from pipelines.cluster.submit import submit as send

        server = KfpServer(host, namespace, _token(token_file), ca)
        names = _members(members)
        asked = _When(schedule, window, once, timezone, controller_timezone)
        start, when, training = None, None, _training(dataset, data, budget, seed) if dataset else None
        chosen = _profile(profile, image, service or _service_of(training, profile), store_claim)
        if training:
            when = _schedule(asked, chosen)
            _check_window(when, training, chosen)
            start = _start(training, chosen, names, when, (run_name, experiment, service_account))
        elif schedule or window or once or wait or data:
            raise InputError("DATASET", "is not named, so there is nothing to run", "name a dataset file or a preset")
        if wait and when:
            raise InputError("--wait", f"a schedule has no end ({when.said})", "leave --wait away, or add --once")
        built: Package = package(chosen, names)
        submitted = send(server, built, start)
        outcome = _finish(server, submitted, when, wait, as_json)
    raise SystemExit(outcome)


def _token(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--token-file {file}", f"can't be read: {error}", "give a file that holds the token"
        ) from None
    if not token.isascii() or len(token.split()) != 1:
        raise InputError(f"--token-file {file}", "holds no token", "give a file that holds the token alone")
    return token


def _profile(name: str, image: str, service: str, store_claim: str) -> Profile:
    from pipelines.cluster.adapted import with_image, with_service, with_store
    from pipelines.platform.profile import load_profile

    profile = load_profile(name)
    if image:
        profile = with_image(profile, image)
    if service:
        profile = with_service(profile, service)
    return with_store(profile, store_claim) if store_claim else profile


def _service_of(training: Training | None, profile: str) -> str:
    """The chart's name for the service of a model; empty where a profile of one's own says it."""
    from pipelines.platform.profile import profile_names

    return training.dataset.name.replace("_", "-") if training and profile in profile_names() else ""


def _members(given: str | None) -> tuple[str, ...]:
    from components.train.registry import DEFAULT_MEMBERS

    if given is None:
        return DEFAULT_MEMBERS
    return tuple(name.strip() for name in given.split(",") if name.strip())


@dataclass(frozen=True)
class _When:
    """What the options say of the start; empty is nothing said."""

    schedule: str
    window: str
    once: bool
    timezone: str
    controller_timezone: str


def _schedule(asked: _When, profile: Profile) -> Schedule | None:
    """When to start again and again; what the options don't say the profile does."""
    from pipelines.cluster.window import find_zone, parse_window, schedule_of_cron, schedule_of_window

    given = {"--schedule": asked.schedule, "--window": asked.window, "--once": asked.once}
    first, *others = [name for name, value in given.items() if value] or [""]
    if others:
        raise InputError(first, f"is given together with {others[0]}", "give one of the two")
    zone = find_zone(asked.timezone or profile.training.timezone, "--timezone")
    zones = zone, find_zone(asked.controller_timezone, "--controller-timezone")
    window = "" if asked.schedule or asked.once else asked.window or profile.training.window
    if window:
        return schedule_of_window(parse_window(window), *zones, datetime.now(UTC))
    return schedule_of_cron(asked.schedule, *zones, datetime.now(UTC)) if asked.schedule else None


def _training(dataset: str, data: str | None, budget: float | None, seed: int) -> Training:
    from components.dataset.load import resolve_source
    from pipelines.cli.source import find_dataset
    from pipelines.cluster.submission import Training

    found = find_dataset(dataset)
    source = data
    if source is None:
        named = resolve_source(found, Path(dataset))
        source = named if isinstance(named, str) or named is None else named.url
    if source is None:
        raise InputError(
            dataset, "no readings are named", "give them with --data: a path in a claim of the cluster, or an SQL URL"
        )
    return Training(found, source, budget, seed)


def _check_window(when: Schedule | None, training: Training, profile: Profile) -> None:
    if when is None or when.open_for is None:
        return
    minutes = when.open_for.total_seconds() / 60
    budget = training.budget_minutes or profile.budget_minutes
    if budget >= minutes:
        raise InputError(
            f"--window {when.said}",
            f"is open for {minutes:g} minutes, and training alone may take {budget:g}",
            f"give --budget {max(minutes * 0.75, 1):.0f} or less: the other steps take their time, too",
        )


def _start(
    training: Training, profile: Profile, members: Sequence[str], when: Schedule | None, names: tuple[str, str, str]
) -> Start:
    from pipelines.cluster.submission import parameters
    from pipelines.cluster.submit import Start

    run_name, experiment, service_account = names
    made = f"{training.dataset.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    arguments = parameters(training, profile, members)
    return Start(run_name or made, experiment, arguments, when, service_account)


def _finish(server: KfpServer, submitted: Submitted, when: Schedule | None, wait: bool, as_json: bool) -> int:
    from pipelines.cli.console import open_console

    console = open_console(stderr=as_json)
    _tell(console, submitted, when)
    outcome = _wait(console, server, submitted.run_id) if wait else None
    if as_json:
        sys.stdout.write(json.dumps(_facts(submitted, when, outcome)) + "\n")
    return {None: 0, "succeeded": 0, "refused": REFUSED}.get(outcome, FAILED)


def _tell(console: Console, submitted: Submitted, when: Schedule | None) -> None:
    news = "uploaded" if submitted.uploaded else "already there"
    console.print(f"pipeline version {submitted.version}: {news}", markup=False)
    if submitted.run_id:
        console.print(f"run {submitted.run_id} has begun", markup=False)
    if submitted.recurring_run_id and when:
        console.print(f"recurring run {submitted.recurring_run_id}: {_when_text(when)}", markup=False)
        for change in when.changes:
            console.print(f"from {change.day} on it starts at {change.start:%H:%M}: {_again(when)}", markup=False)
    console.print(submitted.page, markup=False)


def _when_text(when: Schedule) -> str:
    from zoneinfo import ZoneInfo

    first = when.first.astimezone(ZoneInfo(when.zone))
    return (
        f"{when.said} in {when.zone}, which is {when.cron} in {when.controller}; "
        f"first at {first:%Y-%m-%d %H:%M} ({when.first:%Y-%m-%d %H:%M} UTC)"
    )


def _again(when: Schedule) -> str:
    return f"the clocks of {when.zone} change, KFP's cron doesn't; delete it then and submit again"


def _facts(submitted: Submitted, when: Schedule | None, outcome: Outcome | None) -> dict[str, object]:
    from dataclasses import asdict

    facts: dict[str, object] = {**asdict(submitted), "page": submitted.page, "outcome": outcome, "schedule": None}
    if when:
        facts["schedule"] = {
            "cron": when.cron,
            "cron_timezone": when.controller,
            "asked": when.said,
            "timezone": when.zone,
            "first": when.first.isoformat(),
            "changes": [{"day": one.day.isoformat(), "start": f"{one.start:%H:%M}"} for one in when.changes],
        }
    return facts


def _wait(console: Console, server: KfpServer, run_id: str) -> Outcome:
    from pipelines.cli.invocation import command
    from pipelines.cluster.watch import Pace, watch_run

    seen: dict[str, str] = {}

    def tell(progress: Progress) -> None:
        for name, state in {**progress.tasks, "run": progress.state}.items():
            if seen.get(name) != state:
                console.print(f"{datetime.now():%H:%M:%S}  {name}: {state.lower()}", markup=False)
                seen[name] = state
        if progress.error and seen.get("error") != progress.error:
            console.print(progress.error, markup=False)
            seen["error"] = progress.error

    console.print(f"a step that does not begin: {command(['why', run_id])}", markup=False)
    return watch_run(server, run_id, tell, Pace())
