"""What passes to the application, and what is refused before it."""

import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry

from serving.server.admission import Admission
from serving.server.http_guard import GuardRequests
from serving.server.limits import Limits
from serving.server.metrics import ServingMetrics
from serving.server.security import ApiKeys, new_key


class Caller:
    """Sends one request to an ASGI application, piece by piece, and keeps what it is told."""

    def __init__(self, pieces, method="POST", path="/v1/models/river:predict", headers=(), pause=0.0) -> None:
        self._pieces = list(pieces)
        self._pause = pause
        self.scope = {"type": "http", "method": method, "path": path, "headers": [*headers]}
        self.status, self.headers, self.body = 0, {}, b""

    async def receive(self):
        if not self._pieces:
            await asyncio.sleep(3600)
        await asyncio.sleep(self._pause)
        piece = self._pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}

    async def send(self, message):
        if message["type"] == "http.response.start":
            assert not self.status
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")

    @property
    def error(self) -> str:
        return json.loads(self.body)["error"]


async def echo(scope, receive, send):
    """Answers with the body's length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def guard(app=echo, keys=None, **limits) -> GuardRequests:
    numbers = Limits(**limits)
    return GuardRequests(app, numbers, Admission(numbers, ServingMetrics(CollectorRegistry())), keys)


def ask(app: GuardRequests, caller: Caller) -> Caller:
    asyncio.run(app(caller.scope, caller.receive, caller.send))
    return caller


def test_a_body_in_pieces_comes_whole():
    told = ask(guard(), Caller([b"abc", b"de", b""]))
    assert (told.status, told.body) == (200, b"5")


def test_an_announced_body_that_is_too_large_is_refused_unread():
    told = ask(guard(max_body_bytes=10), Caller([], headers=[(b"content-length", b"11")]))
    assert told.status == 413
    assert "at most 10 bytes" in told.error


def test_a_body_that_grows_too_large_is_refused():
    told = ask(guard(max_body_bytes=10), Caller([b"12345678", b"901", b"x"]))
    assert told.status == 413


def test_a_body_that_stops_coming_is_cut():
    told = ask(guard(body_timeout_seconds=0.05), Caller([b"123", b"4"], pause=1))
    assert told.status == 408
    assert told.headers[b"connection"] == b"close"


def test_a_body_that_trickles_is_cut():
    told = ask(guard(body_timeout_seconds=0.2), Caller([b"1"] * 100, pause=0.02))
    assert told.status == 408


def test_a_long_body_at_a_fair_pace_has_its_time():
    told = ask(guard(body_timeout_seconds=0.1), Caller([b"1" * 20_000] * 12, pause=0.02))
    assert told.status == 200


def test_a_caller_that_leaves_is_told_nothing_and_leaves_nothing():
    app = guard(max_in_flight=1, max_queue=0)
    assert ask(app, Caller([b"1", None])).status == 0
    assert ask(app, Caller([b"1"])).status == 200


def test_an_answer_that_takes_too_long_is_a_time_out():
    async def slow(scope, receive, send):
        await asyncio.sleep(3600)

    told = ask(guard(slow, request_timeout_seconds=0.05), Caller([b""]))
    assert told.status == 504
    assert "0.05 s" in told.error


def test_a_time_out_of_the_application_itself_is_not_taken_for_ours():
    async def failing(scope, receive, send):
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        ask(guard(failing), Caller([b""]))


def test_an_answer_that_has_begun_is_not_cut():
    async def long(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"all"})

    assert ask(guard(long, request_timeout_seconds=0.05), Caller([b""])).body == b"all"


def test_a_full_house_refuses_questions_at_once_but_not_those_who_only_look():
    async def story() -> None:
        free = asyncio.Event()

        async def waiting(scope, receive, send):
            if scope["method"] == "POST":
                await free.wait()
            await echo(scope, receive, send)

        app = guard(waiting, max_in_flight=1, max_queue=1)
        inside = [Caller([b"1"]) for _ in range(2)]
        tasks = [asyncio.create_task(app(one.scope, one.receive, one.send)) for one in inside]
        await asyncio.sleep(0.01)
        refused = Caller([b"1"])
        await asyncio.wait_for(app(refused.scope, refused.receive, refused.send), 1)
        assert refused.status == 429
        assert refused.headers[b"retry-after"] == b"1"
        for path in ("/", "/v2/health/ready", "/v1/models/river", "/metrics"):
            looking = Caller([b""], "GET", path)
            await asyncio.wait_for(app(looking.scope, looking.receive, looking.send), 1)
            assert looking.status == 200
        free.set()
        await asyncio.gather(*tasks)
        assert [one.status for one in inside] == [200, 200]

    asyncio.run(story())


def test_without_its_key_nothing_but_health_and_the_page_is_answered(tmp_path):
    key = new_key("tests", tmp_path / "keys")
    app = guard(keys=ApiKeys(tmp_path / "keys"))
    refused = ask(app, Caller([]))
    assert refused.status == 401
    assert refused.headers[b"www-authenticate"].startswith(b"Bearer")
    for path in ("/metrics", "/v1/models/river", "/v1/forecasts", "/openapi.json"):
        assert ask(app, Caller([b""], "GET", path)).status == 401
    for path in ("/", "/v2/health/live", "/v2/health/ready"):
        assert ask(app, Caller([b""], "GET", path)).status == 200
        assert ask(app, Caller([b""], "POST", path)).status == 401
    for header in ((b"x-api-key", key.encode()), (b"authorization", f"Bearer {key}".encode())):
        assert ask(app, Caller([b""], headers=[header])).status == 200
    assert ask(app, Caller([b""], headers=[(b"x-api-key", b"\xff")])).status == 401
