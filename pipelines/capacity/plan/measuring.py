"""The columns `compiled` and `observed` of a plan: what of them is missing, and what was kept from earlier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from pipelines.capacity.memory.measured import Measured, Measurements, Wanted, measure
from pipelines.capacity.memory.subject import Subject
from pipelines.capacity.plan.answer import Answer, WorkloadMemory
from pipelines.capacity.plan.request import Request

# Each compiles or runs in a process that takes one core and a gigabyte.
_AT_ONCE = 2
_SAID = {"compiled": "a training step compiled", "answering": "an answer compiled", "observed": "training steps run"}


def wanted_of(answer: Answer) -> tuple[Wanted, ...]:
    """All that fills the columns of an answer."""
    uses: set[str] = {each.use for each in answer.memory}
    return tuple(one for name in answer.request.trained.names for one in _wanted(answer.request, name, uses))


def measure_missing(
    answer: Answer, kept: Measurements, environment: Mapping[str, str], tell: Callable[[str], None]
) -> None:
    """Compiles and runs what isn't kept yet, and keeps it; each figure as soon as it is there.

    Args:
        answer: whose columns are to be filled.
        kept: figures from earlier.
        environment: of the processes.
        tell: is told of each figure.

    Raises:
        RuntimeError: a process failed; its last words are in the message.
    """
    missing = [wanted for wanted in wanted_of(answer) if kept.find(wanted) is None]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = {pool.submit(measure, wanted, environment): wanted for wanted in missing}
        try:
            for number, done in enumerate(as_completed(running), 1):
                wanted = running[done]
                kept.keep(wanted, done.result())
                name = wanted.subject.member or wanted.subject.model
                tell(f"measured {number} of {len(missing)}: {name}, {_SAID[wanted.column]}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def with_measured(answer: Answer, kept: Measurements) -> Answer:
    """The answer with every figure that is kept; the formula stays as it is, whatever they say."""
    found = {wanted: one for wanted in wanted_of(answer) if (one := kept.find(wanted)) is not None}
    sources = sorted({f"{one.device}, {one.taken_at[:10]}" for one in found.values()})
    memory = tuple(_filled(each, answer.request, found) for each in answer.memory)
    return replace(answer, memory=memory, measured_on=tuple(sources))


def measured_remarks(answer: Answer) -> Iterator[str]:
    """What the two columns are, and of what."""
    if not answer.measured_on:
        return
    trained = answer.request.trained
    part = f" of one of {trained.accumulation} micro-batches" if trained.accumulation > 1 else ""
    yield (
        f"compiled and observed are of this machine, in float32{part} ({'; '.join(answer.measured_on)}), the formula is"
        " of the card: they stand side by side and are never added. compiled is what the compiler assigns to one step,"
        " without framework and context; observed is all that the process or its GPU held at its fullest."
    )
    if any(each.use == "serving" and each.compiled_bytes is not None for each in answer.memory):
        yield (
            f"serving, compiled: the answers of all networks, in {answer.request.served.versions} versions, side by"
            " side; no server was observed."
        )


def _wanted(request: Request, name: str, uses: set[str]) -> Iterator[Wanted]:
    subject, trained = _subject(request, name), request.trained
    if "training" in uses:
        batch = trained.micro_batch_of(name)
        yield Wanted(subject, "compiled", batch)
        yield Wanted(subject, "observed", batch)
    if "serving" in uses:
        yield Wanted(subject, "answering", request.served.windows)


def _subject(request: Request, name: str) -> Subject:
    trained = request.trained
    paths = {model.name: model.path for model in trained.models}
    if name in paths:
        return Subject(model=paths[name], optimizer=trained.optimizer)
    return Subject(name, trained.setting, optimizer=trained.optimizer)


def _filled(each: WorkloadMemory, request: Request, found: Mapping[Wanted, Measured]) -> WorkloadMemory:
    def bytes_of(name: str, column: str) -> int | None:
        wanted = [one for one in _wanted(request, name, {each.use}) if one.column == column]
        return next((found[one].bytes for one in wanted if one in found), None)

    if each.use == "training":
        compiled, observed = (bytes_of(each.workload, column) for column in ("compiled", "observed"))
        return replace(each, compiled_bytes=compiled, observed_bytes=observed)
    if each.use == "serving":
        answers = [bytes_of(name, "answering") for name in request.trained.names]
        known = [one for one in answers if one is not None]
        whole = request.served.versions * sum(known) if len(known) == len(answers) else None
        return replace(each, compiled_bytes=whole)
    return each
