"""A TensorFlow Serving of our own: started, asked by its own gRPC, swapped with labels, ended; real SavedModels."""

import asyncio
import os
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from components.deploy.store import ModelStore
from components.errors import InputError
from serving.local.servable import load_servable
from serving.server.backend import VersionFolder
from serving.server.errors import BackendError, NotServedError, RequestError
from serving.tfserving.batching import BatchingParameters
from serving.tfserving.binary import required_binary
from serving.tfserving.config import TfServingOptions
from serving.tfserving.process import ModelServerError, ModelServerProcess, find_binary
from serving.tfserving.remote import RemoteBackend, RemoteServer
from serving.tfserving.rollout import ModelPlan, Rollout, Wanted, reached
from serving.tfserving.status import ServerStatus


@pytest.fixture
def socket_path() -> Path:
    """A path short enough for a socket."""
    path = Path("/tmp") / f"sluice-test-{os.getpid()}-{time.monotonic_ns()}"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def options(model_server_binary, store, socket_path) -> TfServingOptions:
    return TfServingOptions(model_server_binary, store.root, grpc_socket=socket_path, tensor_content=True)


@pytest.fixture(scope="module")
def both(model_server_binary, tmp_path_factory, candidates):
    """A server of both versions of river, and of tidal."""
    store = ModelStore(tmp_path_factory.mktemp("both"))
    for key in ("river-1", "river-2", "tidal-1"):
        store.publish(key.split("-")[0], candidates[key])
    with TemporaryDirectory(dir="/tmp") as folder:
        options = TfServingOptions(
            model_server_binary, store.root, grpc_socket=Path(folder) / "grpc", tensor_content=True
        )
        with ModelServerProcess(options, {"river": ModelPlan((1, 2)), "tidal": ModelPlan((1,))}) as process:
            yield process


def backend(process, version, **changes) -> RemoteBackend:
    with ServerStatus(process.options.target) as status:
        signature = status.signature("river", version)
    folder = VersionFolder(process.options.store_root / "river" / str(version))
    return RemoteBackend("river", version, signature, folder, RemoteServer(process.options.target), **changes)


def test_both_versions_answer_as_in_process_whatever_the_batch(both, windows):
    async def ask():
        for version in (1, 2):
            remote = backend(both, version)
            local = load_servable("river", version, remote.folder.path)
            assert remote.signature == local.signature
            # 60,000 windows are 8.6 MB: beyond gRPC's own limit of 4.
            for batch in (1, 3, 60_000):
                inputs = {"window": windows(batch)}
                answered, wanted = await remote.answer(inputs), local.answer(inputs)
                assert answered.version == version
                assert answered.outputs.keys() == wanted.keys()
                for name, array in wanted.items():
                    np.testing.assert_allclose(answered.outputs[name], array, atol=2e-6)

    asyncio.run(ask())


def test_errors_are_told_by_what_they_mean(both, windows):
    async def ask():
        one = backend(both, 1)
        inputs = {"window": windows(1)}
        with pytest.raises(NotServedError, match=r"Specific\(river, 9\)"):
            await RemoteBackend("river", 9, one.signature, one.folder, one.server).answer(inputs)
        with pytest.raises(RequestError):
            await one.answer({"window": windows(1)[:, :, :2]})
        with pytest.raises(BackendError):
            await RemoteBackend("river", 1, one.signature, one.folder, RemoteServer("unix:/tmp/none")).answer(inputs)

    asyncio.run(ask())


def test_a_server_that_hangs_is_given_up_at_the_deadline(both, windows):
    async def ask():
        one = backend(both, 1)
        hasty = replace(one, server=RemoteServer(both.options.target, 0.3))
        os.kill(both.pid, signal.SIGSTOP)
        try:
            with pytest.raises(BackendError, match="in time"):
                await hasty.answer({"window": windows(1)})
        finally:
            os.kill(both.pid, signal.SIGCONT)
        assert (await one.answer({"window": windows(1)})).version == 1

    asyncio.run(ask())


def test_a_version_that_is_gone_is_replaced_by_its_successor_unless_it_was_asked_for(both, windows):
    async def ask():
        looked = []

        async def successor(name: str) -> RemoteBackend:
            looked.append(name)
            return backend(both, 2)

        one = backend(both, 1, successor=successor)
        gone = RemoteBackend("river", 9, one.signature, one.folder, one.server, successor)
        assert (await gone.answer({"window": windows(1)})).version == 2
        assert looked == ["river"]
        with pytest.raises(NotServedError):
            await gone.pinned().answer({"window": windows(1)})
        assert looked == ["river"]

    asyncio.run(ask())


def test_a_swap_with_labels_is_three_configs_that_the_server_takes(both):
    with ServerStatus(both.options.target) as status:
        written = []

        def write(text: str) -> None:
            written.append(text)
            both.configure(text)

        rollout = Rollout(str(both.options.store_root), status.state, write)
        for river, configs in ((Wanted(1), 2), (Wanted(2), 3), (Wanted(1, 2), 2)):
            wanted = {"river": river, "tidal": Wanted(1)}
            written.clear()
            deadline = time.monotonic() + 30
            states = rollout.step(wanted)
            while not reached(wanted, states):
                assert time.monotonic() < deadline, (states, both.log)
                assert states["river"].available
                time.sleep(0.2)
                states = rollout.step(wanted)
            assert len(written) == configs, written
        assert "not currently available" not in both.log


def test_health_and_metrics_are_where_they_are_said_to_be(model_server_binary, store, ports):
    import httpx

    options = TfServingOptions(model_server_binary, store.root, grpc_port=ports[0], rest_port=ports[1])
    with ModelServerProcess(options, {"river": ModelPlan((1,))}):
        assert httpx.get(f"http://localhost:{ports[1]}/metrics").status_code == 200
        with grpc.insecure_channel(f"localhost:{ports[0]}") as channel:
            reply = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5)
    # HealthCheckResponse{status: SERVING}, where field 1 is 1.
    assert reply == b"\x08\x01"


def test_batches_are_joined_by_the_chosen_parameters_and_answer_the_same(
    model_server_binary, store, socket_path, windows
):
    options = TfServingOptions(
        model_server_binary, store.root, grpc_socket=socket_path, batching=BatchingParameters((1, 4, 8))
    )
    local = load_servable("river", 1, store.path("river", 1))
    with ModelServerProcess(options, {"river": ModelPlan((1,))}) as process:

        async def ask():
            remote = backend(process, 1)
            questions = [{"window": windows(n)} for n in (1, 2, 3, 1, 1, 50)]
            answers = await asyncio.gather(*(remote.answer(question) for question in questions))
            for question, answer in zip(questions, answers, strict=True):
                np.testing.assert_allclose(answer.outputs["forecast"], local.answer(question)["forecast"], atol=2e-6)

        asyncio.run(ask())


def test_the_trace_of_a_request_goes_with_it(store, windows):
    """A gRPC server that keeps what it is sent beside the message."""
    from opentelemetry import context, propagate

    from serving.server.signature import Signature

    seen = []

    class Recorder(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            seen.append(dict(context.invocation_metadata()).get("traceparent"))
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")

    server = grpc.server(ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Recorder(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def ask():
        from serving.server.errors import BusyError

        folder = VersionFolder(store.root / "river" / "1")
        remote = RemoteBackend("river", 1, Signature((), ()), folder, RemoteServer(f"localhost:{port}"))
        token = context.attach(propagate.extract({"traceparent": trace}))
        with pytest.raises(BusyError, match="Threadpool"):
            await remote.answer({"window": windows(1)})
        context.detach(token)

    asyncio.run(ask())
    server.stop(0)
    assert seen == [trace]


def test_it_ends_with_its_block_and_leaves_nothing(options):
    before = set(Path("/tmp").glob("sluice-tfserving-*"))
    with ModelServerProcess(options, {"river": ModelPlan((1,))}) as process:
        pid = process.pid
        assert process.running
        (folder,) = set(Path("/tmp").glob("sluice-tfserving-*")) - before
        assert not folder.is_relative_to(options.store_root)
    assert not process.running
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_ignores_sigterm_is_killed(tmp_path, store, socket_path):
    deaf = tmp_path / "tensorflow_model_server"
    deaf.write_text(
        f"#!{sys.executable}\nimport signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)\n"
    )
    deaf.chmod(0o755)
    process = ModelServerProcess(TfServingOptions(deaf, store.root, grpc_socket=socket_path), {})
    process.start()
    deadline = time.monotonic() + 20
    while "deaf" not in process.log:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    start = time.monotonic()
    process.stop(grace_seconds=0.5)
    assert not process.running
    assert 0.5 <= time.monotonic() - start < 10


def test_a_version_that_can_not_be_loaded_is_named(options, store):
    shutil.copytree(store.path("river", 1), store.root / "river" / "3")
    (store.root / "river" / "3" / "saved_model.pb").write_bytes(b"no model")
    with (
        pytest.raises(ModelServerError, match="ended with status") as raised,
        ModelServerProcess(options, {"river": ModelPlan((3,)), "tidal": ModelPlan((1,))}),
    ):
        pass
    assert raised.value.broken.keys() == {("river", 3)}


def test_a_wrong_binary_is_told_with_what_it_wrote(tmp_path, store, socket_path):
    wrong = tmp_path / "tensorflow_model_server"
    wrong.write_text("#!/bin/sh\necho it is another program\nexit 3\n")
    wrong.chmod(0o755)
    options = TfServingOptions(wrong, store.root, grpc_socket=socket_path)
    with pytest.raises(ModelServerError, match=r"status 3.*\n.*another program"), ModelServerProcess(options, {}):
        pass


def test_without_a_binary_it_is_said_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary() is None
    with pytest.raises(InputError, match="no tensorflow_model_server on PATH") as raised:
        required_binary()
    assert "--runtime inprocess" in raised.value.fix
