"""The answer as plain values, for scripts; docs/gpus.md names the keys."""

from __future__ import annotations

from typing import Any

from pipelines.capacity.duration.predict import TimeEstimate
from pipelines.capacity.memory.needs import MemoryNeed
from pipelines.capacity.plan.answer import Answer, MemberTime, Order, WorkloadMemory
from pipelines.capacity.ranges import Range


def as_json(answer: Answer) -> dict[str, Any]:
    """Keys that stay: bytes, seconds, hours and dollars as the names say, ranges as `[low, high]`."""
    return {
        "fits": answer.fits,
        "in_time": answer.in_time,
        "why": list(answer.why),
        "cards": [{"card": each.card.key, "count": each.count} for each in answer.request.cards],
        "members": list(answer.request.trained.members),
        "models": [{"name": each.name, "file": each.path} for each in answer.request.trained.models],
        "rows": answer.request.trained.rows,
        "batch": {name: answer.request.trained.batch_of(name) for name in answer.request.trained.names},
        "optimizer": answer.request.trained.optimizer,
        "serving": {"on": answer.serving_on, "seconds": _time(answer.serving_time)},
        "measured_on": list(answer.measured_on),
        "memory": [_memory(each) for each in answer.memory],
        "training": [_training(each) for each in answer.times],
        "orders": [_order(each) for each in answer.orders],
        "purchases": [
            {
                "what": each.what,
                "initial_usd": _range(each.initial_usd),
                "monthly_usd": _range(each.monthly_usd),
                "break_even_months": _range(each.break_even_months),
            }
            for each in answer.purchases
        ],
        "changes": [
            {
                "what": each.what,
                "option": each.option,
                "largest_bytes": each.largest_bytes,
                "hours": _range(each.hours),
                "price": each.price,
            }
            for each in answer.changes
        ],
        "remarks": list(answer.remarks),
        "contradictions": [{"text": each.text, "sources": list(each.sources)} for each in answer.contradictions],
    }


def _memory(each: WorkloadMemory) -> dict[str, Any]:
    return {
        "workload": each.workload,
        "use": each.use,
        "card": each.card,
        "formula": _need(each.formula),
        "compiled_bytes": each.compiled_bytes,
        "observed_bytes": each.observed_bytes,
        "room_bytes": each.room_bytes,
        "fits": each.fits,
    }


def _need(need: MemoryNeed) -> dict[str, Any]:
    return {
        "total_bytes": need.total_bytes,
        "terms": [{"name": term.name, "bytes": term.bytes, "note": term.note} for term in need.terms],
    }


def _training(each: MemberTime) -> dict[str, Any]:
    stated = each.training.stated
    return {
        "member": each.member,
        "card": each.card,
        "precision": each.precision,
        "passes": _range(each.epochs.passes),
        "passes_basis": each.epochs.basis,
        "step_seconds": _range(each.step.seconds),
        "training": _time(each.training),
        "stated": None if stated is None else {"seconds": _range(stated.seconds), "source": stated.source},
    }


def _order(each: Order) -> dict[str, Any]:
    return {
        "title": each.title,
        "method": each.schedule.method,
        "proven_best": each.schedule.proven_best,
        "hours": _range(each.hours),
        "in_time": each.in_time,
        "late": [{"job": late.job, "seconds": late.seconds} for late in each.schedule.late],
        "left_out": [{"job": out.job, "why": out.why} for out in each.schedule.unplaced],
        "rent_usd": _range(each.rent_usd),
        "placements": [
            {"job": one.job, "card": one.card, "segments_s": [list(segment) for segment in one.segments]}
            for one in each.schedule.placements
        ],
    }


def _time(estimate: TimeEstimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "low_seconds": estimate.low_seconds,
        "likely_seconds": estimate.likely_seconds,
        "high_seconds": estimate.high_seconds,
        "basis": estimate.basis,
    }


def _range(value: Range | None) -> list[float] | None:
    return None if value is None else [value.low, value.high]
