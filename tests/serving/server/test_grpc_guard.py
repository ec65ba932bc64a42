"""What passes to a gRPC service, and what is refused before it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc import StatusCode
from prometheus_client import CollectorRegistry

from serving.kserve_sdk import grpc_predict_v2_pb2 as messages
from serving.server.admission import Admission
from serving.server.grpc_guard import GuardCalls
from serving.server.grpc_server import GrpcServer
from serving.server.limits import Limits
from serving.server.metrics import ServingMetrics
from serving.server.security import ApiKeys, Security, new_key

SERVICE = "inference.GRPCInferenceService"


def handlers(**methods):
    """A service of these methods: each takes a ModelReadyRequest and answers a ModelReadyResponse."""
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                method, messages.ModelReadyRequest.FromString, messages.ModelReadyResponse.SerializeToString
            )
            for name, method in methods.items()
        },
    )


async def ready(request, context):
    return messages.ModelReadyResponse(ready=True)


@asynccontextmanager
async def serving(port: int, keys=None, limits=None, **methods):
    limits = limits or Limits()
    admission = Admission(limits, ServingMetrics(CollectorRegistry()))
    service = handlers(**methods)
    server = GrpcServer(
        port,
        lambda one: one.add_generic_rpc_handlers((service,)),
        (GuardCalls(limits, admission, keys),),
        limits,
        Security(),
    )
    running = asyncio.create_task(server.run())
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 10)
        yield channel
    await server.stop(0)
    await running


def call(channel, method, message=b"", metadata=()):
    return channel.unary_unary(f"/{SERVICE}/{method}")(message, metadata=metadata)


async def refusal(call):
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return caught.value


def test_a_call_is_answered(ports):
    async def story():
        async with serving(ports[0], ModelInfer=ready) as channel:
            told = await call(channel, "ModelInfer", messages.ModelReadyRequest(name="a").SerializeToString())
            assert messages.ModelReadyResponse.FromString(told).ready

    asyncio.run(story())


def test_bytes_that_are_no_message_are_the_callers_mistake(ports):
    async def story():
        async with serving(ports[0], ModelInfer=ready, ModelReady=ready) as channel:
            for method in ("ModelInfer", "ModelReady"):
                error = await refusal(call(channel, method, b"\xff\xff\xff"))
                assert error.code() is StatusCode.INVALID_ARGUMENT

    asyncio.run(story())


def test_a_method_that_is_not_there_is_unimplemented(ports):
    async def missing(request, context):
        raise NotImplementedError

    async def story():
        async with serving(ports[0], ModelInfer=missing) as channel:
            assert (await refusal(call(channel, "ModelInfer"))).code() is StatusCode.UNIMPLEMENTED
            assert (await refusal(call(channel, "Nothing"))).code() is StatusCode.UNIMPLEMENTED

    asyncio.run(story())


def test_a_full_house_refuses_at_once_and_says_when_to_come_again(ports):
    async def story():
        free = asyncio.Event()

        async def waiting(request, context):
            await free.wait()
            return await ready(request, context)

        limits = Limits(max_in_flight=1, max_queue=1)
        async with serving(ports[0], limits=limits, ModelInfer=waiting, ServerReady=ready) as channel:
            inside = [call(channel, "ModelInfer") for _ in range(2)]
            await asyncio.sleep(0.2)
            error = await asyncio.wait_for(refusal(call(channel, "ModelInfer")), 1)
            assert error.code() is StatusCode.RESOURCE_EXHAUSTED
            assert dict(error.trailing_metadata())["retry-after"] == "1"
            assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
            await asyncio.wait_for(call(channel, "ServerReady"), 1)
            free.set()
            await asyncio.gather(*inside)

    asyncio.run(story())


def test_an_answer_that_takes_too_long_is_a_time_out(ports):
    async def slow(request, context):
        await asyncio.sleep(3600)

    async def story():
        async with serving(ports[0], limits=Limits(request_timeout_seconds=0.05), ModelInfer=slow) as channel:
            error = await refusal(call(channel, "ModelInfer"))
            assert error.code() is StatusCode.DEADLINE_EXCEEDED
            assert "0.05 s" in error.details()

    asyncio.run(story())


def test_a_message_that_never_comes_is_a_time_out(ports):
    async def nothing():
        await asyncio.sleep(3600)
        yield b""

    async def story():
        async with serving(ports[0], limits=Limits(body_timeout_seconds=0.1), ModelInfer=ready) as channel:
            error = await refusal(channel.stream_unary(f"/{SERVICE}/ModelInfer")(nothing()))
            assert error.code() is StatusCode.DEADLINE_EXCEEDED
            assert "too slowly" in error.details()

    asyncio.run(story())


def test_a_message_that_is_too_large_is_refused(ports):
    async def story():
        limits = Limits(max_body_bytes=1000)
        async with serving(ports[0], limits=limits, ModelInfer=ready) as channel:
            large = messages.ModelReadyRequest(name="a" * 2000).SerializeToString()
            assert (await refusal(call(channel, "ModelInfer", large))).code() is StatusCode.RESOURCE_EXHAUSTED
            await call(channel, "ModelInfer")

    asyncio.run(story())


def test_a_message_that_is_large_only_once_unpacked_is_refused(ports):
    async def story():
        limits = Limits(max_body_bytes=1_000_000)
        async with serving(ports[0], limits=limits, ModelInfer=ready) as channel:
            large = messages.ModelReadyRequest(name="a" * 2_000_000).SerializeToString()
            method = channel.unary_unary(f"/{SERVICE}/ModelInfer")
            error = await refusal(method(large, compression=grpc.Compression.Gzip))
            assert error.code() is StatusCode.RESOURCE_EXHAUSTED

    asyncio.run(story())


def test_without_its_key_nothing_but_health_is_answered(ports, tmp_path):
    key = new_key("tests", tmp_path / "keys")

    async def story():
        async with serving(
            ports[0], ApiKeys(tmp_path / "keys"), ModelInfer=ready, ServerReady=ready, ModelReady=ready
        ) as channel:
            for method in ("ModelInfer", "ModelReady"):
                error = await refusal(call(channel, method, b"\xff"))
                assert error.code() is StatusCode.UNAUTHENTICATED
                assert "Bearer" in dict(error.trailing_metadata())["www-authenticate"]
                await call(channel, method, metadata=(("x-api-key", key),))
                await call(channel, method, metadata=(("authorization", f"Bearer {key}"),))
            await call(channel, "ServerReady")

    asyncio.run(story())


def test_a_long_reason_is_cut_to_what_a_trailer_holds(ports):
    from serving.server.errors import RequestError

    async def wordy(request, context):
        raise RequestError("x" * 100_000)

    async def story():
        async with serving(ports[0], ModelInfer=wordy) as channel:
            error = await refusal(call(channel, "ModelInfer"))
            assert error.code() is StatusCode.INVALID_ARGUMENT
            assert len(error.details()) == 1000

    asyncio.run(story())


def test_many_callers_at_once_are_all_answered(ports):
    async def story():
        async with serving(ports[0], ModelInfer=ready) as channel:
            await asyncio.gather(*(call(channel, "ModelInfer") for _ in range(100)))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, story()).result()
