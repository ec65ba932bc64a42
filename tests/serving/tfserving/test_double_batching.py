"""Requests are joined, padded to an allowed size, and refused where they are too large."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

PARAMETERS = """\
max_batch_size { value: 8 }
batch_timeout_micros { value: 300000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 1 }
allowed_batch_sizes: 4
allowed_batch_sizes: 8
"""


@pytest.fixture(scope="module")
def server(launch, publish, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    publish(root, "rows-1")
    parameters = root / "batching.config"
    parameters.write_text(PARAMETERS)
    server = launch(
        model_name="rows",
        model_base_path=root / "rows",
        enable_batching="true",
        batching_parameters_file=parameters,
        grpc_max_threads=64,
    )
    server.wait(server.listens)
    return server


def test_a_lonely_request_is_padded(server, rows_request):
    reply = server.predictions.Predict(rows_request(2), timeout=20)
    assert list(reply.outputs["rows"].int_val) == [4, 4]


def test_requests_that_come_together_are_joined(server, rows_request):
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: server.predictions.Predict(rows_request(2), timeout=20), range(4)))
    assert {tuple(reply.outputs["rows"].int_val) for reply in replies} == {(8, 8)}


def test_a_request_beyond_the_largest_batch_is_refused(server, rows_request):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(rows_request(9), timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "Task size 9 is larger than maximum input batch size 8"


def test_sizes_that_do_not_end_with_the_largest_batch_are_refused(model_server_binary, publish, tmp_path):
    publish(tmp_path, "rows-1")
    (tmp_path / "parameters").write_text("max_batch_size { value: 8 } allowed_batch_sizes: 4")
    flags = [
        "--port=0",
        f"--grpc_socket_path={tmp_path / 'socket'}",
        "--model_name=rows",
        f"--model_base_path={tmp_path / 'rows'}",
        "--enable_batching",
        f"--batching_parameters_file={tmp_path / 'parameters'}",
        "--max_num_load_retries=0",
    ]
    ended = subprocess.run([str(model_server_binary), *flags], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 255
    assert "Last entry in allowed_batch_sizes must match max_batch_size" in ended.stdout + ended.stderr
