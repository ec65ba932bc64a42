"""Requests that are asked together get their own rows, and only their own failures."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.local.batching import Batches

MOST = 4
POISON = 13.0


class PoisonedError(Exception):
    pass


class Doubling:
    """Doubles rows; fails on a poisoned one; remembers the sizes it was asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.seconds = seconds
        self.open = threading.Event()
        self.open.set()

    def __call__(self, inputs):
        self.open.wait(5)
        time.sleep(self.seconds)
        self.sizes.append(len(inputs["window"]))
        if (inputs["window"] == POISON).any():
            raise PoisonedError
        return {"forecast": inputs["window"] * 2}


def rows(values) -> dict[str, np.ndarray]:
    return {"window": np.array(values, np.float32).reshape(-1, 1)}


def asked(call, requests, calls=2, most=MOST):
    async def main():
        with ThreadPoolExecutor(2) as executor:
            batches = Batches(call, most, calls, executor)
            return await asyncio.gather(*(batches.answer(rows(values)) for values in requests), return_exceptions=True)

    return asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=3 * MOST), min_size=1, max_size=8),
    st.integers(1, 3),
    st.integers(1, 2 * MOST),
)
def test_each_caller_gets_its_own_rows_and_its_own_failure(requests, calls, most):
    call = Doubling()
    for values, outcome in zip(requests, asked(call, requests, calls, most), strict=True):
        if POISON in values:
            assert isinstance(outcome, PoisonedError)
        else:
            np.testing.assert_array_equal(outcome["forecast"][:, 0], np.array(values, np.float32) * 2)
    assert max(call.sizes) <= most


def test_a_lonely_request_is_asked_at_once_and_what_waits_together():
    call = Doubling(seconds=0.05)
    asked(call, [[value] for value in range(9)], calls=1)
    assert call.sizes == [1, 4, 4]


def test_a_large_request_takes_turns_with_small_ones():
    call = Doubling(seconds=0.02)
    ended: list[str] = []

    async def main():
        with ThreadPoolExecutor(1) as executor:
            batches = Batches(call, MOST, 1, executor)

            async def ask(name, values):
                await batches.answer(rows(values))
                ended.append(name)

            large = asyncio.create_task(ask("large", list(range(100, 140))))
            await asyncio.sleep(0.03)
            await asyncio.gather(large, ask("small", [1]))

    asyncio.run(main())
    assert ended == ["small", "large"]


def test_a_caller_that_has_gone_is_not_answered_any_further():
    call = Doubling(seconds=0.02)

    async def main():
        with ThreadPoolExecutor(1) as executor:
            batches = Batches(call, MOST, 1, executor)
            large = asyncio.create_task(batches.answer(rows(range(100, 180))))
            await asyncio.sleep(0.03)
            large.cancel()
            with pytest.raises(asyncio.CancelledError):
                await large
            return await batches.answer(rows([5]))

    assert asyncio.run(main())["forecast"][0, 0] == 10
    assert len(call.sizes) < 8


def test_an_executor_that_takes_no_more_calls_fails_the_request_only():
    async def main():
        executor = ThreadPoolExecutor(1)
        batches = Batches(Doubling(), MOST, 1, executor)
        executor.shutdown()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="after shutdown"):
                await batches.answer(rows([1]))

    asyncio.run(main())
