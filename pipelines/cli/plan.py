"""`sluice plan`: what fits on which card, how long it takes, in which order, at what price."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import InputError
from pipelines.cli import options, plan_measuring
from pipelines.cli.guard import REFUSED, guarded, tell

if TYPE_CHECKING:
    from pipelines.capacity.catalogue.schema import Catalogue
    from pipelines.capacity.plan.answer import Answer
    from pipelines.capacity.plan.options import Wishes

_FILE = "FILE"


def plan(
    cards: Annotated[
        str, typer.Option("--cards", metavar="LIST", help='Cards, e.g. "v100-32gb x2, t4"; none for a CPU alone.')
    ] = "v100-32gb",
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows of the table.")] = 781_163,
    members: Annotated[str, typer.Option("--members", metavar="LIST", help="Networks.  [by the number of rows]")] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="[NAME=]FILE",
            help="A saved Keras model, in the members' place or beside those that --members names; may be repeated.",
        ),
    ] = None,
    batch: Annotated[
        int,
        typer.Option("--batch", metavar="N", help="Windows or chunks of a training step.  [as each is trained]"),
    ] = 0,
    accumulation: Annotated[int, typer.Option("--accumulation", metavar="N", help="Micro-batches of a step.")] = 1,
    window: Annotated[int, typer.Option("--window", metavar="N", help="Rows of a window.")] = 100,
    columns: Annotated[int, typer.Option("--columns", metavar="N", help="Columns of a window.")] = 12,
    horizons: Annotated[int, typer.Option("--horizons", metavar="N", help="Lead times.")] = 3,
    precision: Annotated[
        str, typer.Option("--precision", help="auto, float32, mixed_float16 or mixed_bfloat16.")
    ] = "auto",
    width: Annotated[str, typer.Option("--width", help="stated or light.  [by the number of rows]")] = "",
    optimizer: Annotated[str, typer.Option("--optimizer", help="sgd, momentum, adam, adamw or adafactor.")] = "adamw",
    passes: Annotated[
        str, typer.Option("--passes", metavar="N[-M]", help="Over the rows until a member is trained.")
    ] = "",
    history: Annotated[
        str, typer.Option("--history", metavar="FOLDER", help="Passes as earlier runs took them, e.g. runs/.")
    ] = "",
    folds: Annotated[int, typer.Option("--folds", metavar="N", help="Also a cross-validation of so many folds.")] = 0,
    experiments: Annotated[int, typer.Option("--experiments", metavar="N", help="Also so many weight trials.")] = 0,
    retrain_experiments: Annotated[
        bool, typer.Option("--retrain-experiments", help="Each trial trains all members again.")
    ] = False,
    serve_on: Annotated[str, typer.Option("--serve-on", help="auto, card or cpu.")] = "auto",
    serve_windows: Annotated[int, typer.Option("--serve-windows", metavar="N", help="Of a batch.")] = 1_000,
    every: Annotated[int, typer.Option("--every", metavar="SECONDS", help="From one batch to the next.")] = 600,
    dawn: Annotated[str, typer.Option("--dawn", metavar="HH:MM-HH:MM", help="When training may run.")] = "02:00-10:00",
    beside: Annotated[
        list[str] | None,
        typer.Option("--beside", metavar="NAME=GB", help="What else holds memory of a card; may be repeated."),
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", metavar=_FILE, help="Cards and prices, laid over Sluice's own.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine first, for a minute; kept for later plans.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Compile and run the training steps here, for the columns compiled and observed; a minute or so.",
        ),
    ] = False,
    example: Annotated[
        str, typer.Option("--example", metavar="NAME", help="One of the documents' tables, redone; `list` names them.")
    ] = "",
    stations: Annotated[
        str, typer.Option("--stations", metavar="LIST", help="How many cards so many stations need, e.g. 1,10,100.")
    ] = "",
    html: Annotated[Path | None, typer.Option("--html", metavar=_FILE, help="Write a page.")] = None,
    values: Annotated[
        Path | None, typer.Option("--helm-values", metavar=_FILE, help="Write values for `helm install -f`.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar=_FILE, help="Write a profile for `sluice submit --profile`.")
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Plan cards: what fits, how long it takes, in which order, at what price. Exits with 3 where it doesn't hold.

    Examples: sluice plan --cards "v100-32gb x2" --rows 1000000 --html plan.html

    sluice plan --example v100x1;  sluice plan --cards t4 --stations 1,10,100
    """
    with guarded(debug):
        from pipelines.capacity.catalogue.load import load_catalogue
        from pipelines.capacity.plan.options import Wishes

        known = load_catalogue(catalogue)
        if example:
            _example(example, known, html, as_json)
            return
        if stations:
            _stations(stations, cards, known, html, as_json)
            return
        wishes = Wishes(
            cards=cards,
            rows=rows,
            members=members,
            batch=batch,
            accumulation=accumulation,
            window=window,
            columns=columns,
            horizons=horizons,
            precision=precision,
            width=width,
            optimizer=optimizer,
            models=tuple(model or ()),
            passes=passes,
            history=history,
            folds=folds,
            experiments=experiments,
            retrain_experiments=retrain_experiments,
            serve_on=serve_on,
            serve_windows=serve_windows,
            every_seconds=every,
            dawn=dawn,
            beside=tuple(beside or ()),
        )
        if values or profile:
            _refuse_for_a_cluster(wishes)
        answer = _answered(wishes, known, calibrate, measure)
        _tell(answer, as_json)
        _write(answer, html, values, profile)
        if not answer.holds:
            raise SystemExit(REFUSED)


def _refuse_for_a_cluster(wishes: Wishes) -> None:
    """What the cluster's pipelines would not do, so that what is written would not hold."""
    fix = "leave it out, or --helm-values and --profile"
    if wishes.models:
        raise InputError("--model", "the pipelines train the members alone", fix)
    if wishes.optimizer != "adamw":
        raise InputError("--optimizer", f"the pipelines train by adamw, not by {wishes.optimizer}", fix)


def _answered(wishes: Wishes, catalogue: Catalogue, calibrate: bool, measure: bool) -> Answer:
    from pipelines.capacity.plan.advice import advised
    from pipelines.capacity.plan.options import request_of
    from pipelines.capacity.plan.planning import Knowledge, assess

    request = request_of(wishes, catalogue)
    knowledge = Knowledge(catalogue, plan_measuring.calibration(calibrate))
    return advised(plan_measuring.measured(assess(request, knowledge), measure), knowledge)


def _write(answer: Answer, html: Path | None, values: Path | None, profile: Path | None) -> None:
    from pipelines.atomic import write_atomically
    from pipelines.capacity.plan import helm_values

    if html is not None:
        from pipelines.capacity.page.answer_page import write_page

        write_page(answer, html)
    if not answer.fits and (values or profile):
        tell("nothing is written for a cluster, since the plan doesn't fit; take one of its changes")
        return
    if values is not None:
        write_atomically(values, helm_values.helm_values(answer).text())
    if profile is not None:
        write_atomically(profile, helm_values.profile(answer).text())


def _tell(answer: Answer, as_json: bool) -> None:
    from pipelines.capacity.plan.facts import as_json as facts
    from pipelines.capacity.plan.screen import WIDTH, render
    from pipelines.cli.console import open_console

    if as_json:
        _print_json(facts(answer))
        return
    console = open_console()
    console.width = min(console.width, WIDTH)
    for each in render(answer):
        console.print(each, soft_wrap=False)


def _example(name: str, catalogue: Catalogue, html: Path | None, as_json: bool) -> None:
    from pipelines.capacity.examples.run import example_names, run_example
    from pipelines.capacity.examples.screen import as_json as facts
    from pipelines.capacity.examples.screen import render_comparison
    from pipelines.cli.console import open_console

    if name == "list":
        sys.stdout.write("\n".join(example_names()) + "\n")
        return
    comparison = run_example(name, catalogue)
    if html is not None:
        from pipelines.capacity.page.comparison_page import write_comparison_page

        write_comparison_page(comparison, html)
    if as_json:
        _print_json(facts(comparison))
        return
    open_console().print(render_comparison(comparison))


def _stations(text: str, cards: str, catalogue: Catalogue, html: Path | None, as_json: bool) -> None:
    from pipelines.capacity.growth.screen import as_json as facts
    from pipelines.capacity.growth.screen import render_growth
    from pipelines.capacity.growth.stations import stations
    from pipelines.capacity.plan.options import counts_of
    from pipelines.capacity.plan.request import parse_cards
    from pipelines.cli.console import open_console

    wanted = parse_cards(cards, catalogue)
    found = stations(counts_of(text), wanted[0].card.key if wanted else "none", catalogue)
    if html is not None:
        from pipelines.capacity.page.growth_page import write_growth_page

        write_growth_page(found, html)
    if as_json:
        _print_json(facts(found))
        return
    open_console().print(render_growth(found))


def _print_json(facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
