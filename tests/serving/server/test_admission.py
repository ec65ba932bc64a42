"""A full house refuses at once, and small requests pass large ones."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from components.errors import InputError
from serving.server.admission import Admission
from serving.server.errors import BusyError, RequestError
from serving.server.limits import SMALL_BODY_BYTES, Limits
from serving.server.metrics import ServingMetrics


def admission(**limits) -> tuple[Admission, CollectorRegistry]:
    registry = CollectorRegistry()
    return Admission(Limits(**limits), ServingMetrics(registry)), registry


def test_a_full_house_refuses_the_next_and_lets_in_again_who_comes_later():
    house, registry = admission(max_in_flight=1, max_queue=1)
    with house.place(), house.place():
        assert registry.get_sample_value("sluice_requests_in_flight") == 2
        with pytest.raises(BusyError, match="2 requests"):
            house.check_room()
        with pytest.raises(BusyError), house.place():
            pass
    with house.place():
        assert registry.get_sample_value("sluice_requests_in_flight") == 1


def test_bodies_are_bounded_together_but_small_ones_are_always_read():
    house, _ = admission(max_body_bytes=10**6, max_bodies_bytes=10**6)
    with house.body() as first:
        first.add(900_000)
        with house.body() as second, pytest.raises(BusyError, match="900000 bytes"):
            second.add(SMALL_BODY_BYTES + 1)
        with house.body() as small:
            small.add(SMALL_BODY_BYTES)
    with house.body() as third:
        third.add(1_000_000)


def test_small_requests_dont_wait_for_large_ones_and_large_ones_come_one_by_one():
    order: list[str] = []

    async def ask(house: Admission, name: str, windows: int, ready: asyncio.Event) -> None:
        async def work() -> None:
            order.append(f"{name} begins")
            await ready.wait()
            order.append(f"{name} ends")

        await house.turn(windows, work)

    async def story() -> None:
        house, _ = admission(max_large_in_flight=1)
        held, free = asyncio.Event(), asyncio.Event()
        free.set()
        first = asyncio.create_task(ask(house, "first", 4000, held))
        second = asyncio.create_task(ask(house, "second", 4000, free))
        await asyncio.sleep(0)
        await ask(house, "small", 1, free)
        held.set()
        await asyncio.gather(first, second)

    asyncio.run(story())
    assert order == ["first begins", "small begins", "small ends", "first ends", "second begins", "second ends"]


def test_windows_that_wait_are_bounded():
    async def story() -> None:
        house, _ = admission(max_queued_windows=5000)
        held = asyncio.Event()
        tasks = [asyncio.create_task(house.turn(4000, held.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="4000 windows wait"):
            await house.turn(1001, held.wait)
        held.set()
        await asyncio.gather(*tasks)
        await house.turn(4000, held.wait)

    asyncio.run(story())


def test_a_turn_lasts_as_long_as_its_work_also_when_the_caller_has_gone():
    async def story() -> None:
        house, _ = admission(max_large_in_flight=1)
        held, began = asyncio.Event(), []
        gone = asyncio.create_task(house.turn(100, held.wait))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone

        async def work() -> None:
            began.append(True)

        after = asyncio.create_task(house.turn(100, work))
        await asyncio.sleep(0.01)
        assert not began
        held.set()
        await after
        assert began

    asyncio.run(story())


def test_an_error_of_the_work_reaches_the_caller_and_ends_the_turn():
    async def fail() -> None:
        raise ValueError("no")

    async def story() -> None:
        house, _ = admission(max_in_flight=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await house.turn(1, fail)

    asyncio.run(story())


def test_more_windows_than_a_request_may_have_are_the_callers_mistake():
    with pytest.raises(RequestError, match="n from 1 to 10 windows, got n = 11"):
        asyncio.run(admission(max_batch=10)[0].turn(11, asyncio.Event().wait))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=60))
def test_whatever_comes_and_goes_the_house_is_empty_at_the_end(requests):
    async def one(house: Admission, windows: int, fails: bool) -> None:
        async def work() -> None:
            await asyncio.sleep(0)
            if fails:
                raise ValueError

        with house.body() as body, house.place():
            body.add(windows * 1000)
            await house.turn(windows, work)

    async def story() -> float | None:
        house, registry = admission(
            max_in_flight=2, max_queue=10, max_queued_windows=300, max_body_bytes=10**6, max_bodies_bytes=10**6
        )
        told = await asyncio.gather(*(one(house, *request) for request in requests), return_exceptions=True)
        assert all(error is None or isinstance(error, BusyError | ValueError) for error in told)
        with house.body() as body:
            body.add(10**6)
        return registry.get_sample_value("sluice_requests_in_flight")

    assert asyncio.run(story()) == 0


@pytest.mark.parametrize(
    ("numbers", "option"),
    [
        ({"max_in_flight": 0}, "--max-in-flight"),
        ({"request_timeout_seconds": -1}, "--request-timeout-seconds"),
        ({"max_batch": 5000}, "--max-batch"),
        ({"max_bodies_bytes": 1}, "--max-bodies-bytes"),
    ],
)
def test_limits_that_cant_be_are_refused(numbers, option):
    with pytest.raises(InputError) as caught:
        Limits(**numbers)
    assert caught.value.where == option
