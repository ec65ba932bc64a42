"""Every file and flag that TensorFlow Serving is given, read by its own messages' fields and flags."""

import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from components.deploy.serving_config import models_config
from serving.tfserving.batching import BatchingParameters, choose_batching
from serving.tfserving.config import ConfigFiles, TfServingOptions
from serving.tfserving.monitoring import PATH, monitoring_text

sys.path.insert(0, str(Path(__file__).parent))
from double.flags import Flags
from double.text_files import batching_parameters, monitoring_config

FILES = ConfigFiles(Path("/c/models.config"), Path("/c/monitoring.config"), Path("/c/batching.config"))
SIZES = BatchingParameters((1, 4, 16))


def options(**changes) -> TfServingOptions:
    return TfServingOptions(Path("/bin/tensorflow_model_server"), Path("/store"), **{"grpc_port": 8500, **changes})


@pytest.mark.parametrize(
    "chosen",
    [
        options(),
        options(rest_port=8080, batching=SIZES, gpu_memory_fraction=0.4, intra_op_threads=2, inter_op_threads=2),
        options(grpc_port=0, grpc_socket=Path("/run/grpc"), xla=True, tensor_content=True),
    ],
)
def test_every_flag_is_one_of_the_servers_and_has_its_type(chosen):
    flags = Flags(list(chosen.arguments(FILES)))
    assert flags.port == chosen.grpc_port
    assert flags.rest_api_port == chosen.rest_port
    assert flags.grpc_max_threads == 64
    assert flags.model_config_file == "/c/models.config"
    assert flags.model_config_file_poll_wait_seconds == 1
    assert flags.monitoring_config_file == "/c/monitoring.config"
    assert flags.enable_grpc_healthcheck_service
    assert flags.enable_model_warmup
    assert not flags.enable_profiler
    assert flags.enable_batching == (chosen.batching is not None)
    assert flags.batching_parameters_file == ("/c/batching.config" if chosen.batching else "")
    assert flags.xla_cpu_compilation_enabled == chosen.xla
    assert flags.per_process_gpu_memory_fraction == chosen.gpu_memory_fraction
    assert flags.tensorflow_intra_op_parallelism == chosen.intra_op_threads
    assert flags.enable_serialization_as_tensor_content == chosen.tensor_content


def test_a_load_that_fails_is_given_up_within_seconds():
    flags = Flags(list(options().arguments(FILES)))
    assert flags.max_num_load_retries * flags.load_retry_interval_micros <= 2_000_000


def test_a_server_without_grpc_is_refused():
    with pytest.raises(ValueError, match="port or socket"):
        options(grpc_port=0)


def test_batching_with_xla_is_refused_since_batches_of_new_sizes_would_compile():
    with pytest.raises(ValueError, match="exclude"):
        options(batching=SIZES, xla=True)


def test_the_metrics_page_is_where_kserve_says_it_is():
    read = text_format.Parse(monitoring_text(), monitoring_config())
    assert read.prometheus_config.enable
    assert read.prometheus_config.path == PATH == "/metrics"


def test_batching_parameters_are_the_servers_own_fields():
    read = text_format.Parse(SIZES.text(), batching_parameters())
    # bundle_factory_util.cc wants the last allowed size to be max_batch_size; batches end at max_execution_batch_size.
    assert list(read.allowed_batch_sizes) == [1, 4, 16, 4096]
    assert read.max_batch_size.value == 4096
    assert read.enable_large_batch_splitting.value
    assert read.max_execution_batch_size.value == 16
    assert read.batch_timeout_micros.value == 0
    assert read.num_batch_threads.value == 2
    assert read.max_enqueued_batches.value == 256


@pytest.mark.parametrize("sizes", [(), (0, 1), (2, 1), (1, 1)])
def test_sizes_that_the_server_would_refuse_are_refused(sizes):
    with pytest.raises(ValueError, match="ascend"):
        BatchingParameters(sizes)


def test_sizes_are_allowed_up_to_the_cheapest_per_window_within_the_longest_batch():
    chosen = choose_batching({1: 20, 2: 21, 4: 22, 8: 25, 16: 45, 32: 110, 64: 180}, cores=2)
    assert chosen == BatchingParameters((1, 2, 4, 8, 16), num_batch_threads=2)


def test_windows_that_cost_the_same_alone_are_not_batched():
    assert choose_batching({1: 5, 2: 10, 4: 19, 8: 37}, cores=2) is None


def test_the_stores_config_is_what_the_server_parses(tmp_path):
    text = models_config({"lake": (2,), "river": (3, 5)}, '/mnt/a "b"\\c')
    read = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    lake, river = read.model_config_list.config
    assert lake.name == "lake"
    assert lake.base_path == '/mnt/a "b"\\c/lake'
    assert lake.model_platform == "tensorflow"
    assert list(lake.model_version_policy.specific.versions) == [2]
    assert list(river.model_version_policy.specific.versions) == [3, 5]
    assert not river.version_labels


def test_a_config_of_no_model_is_a_config_of_none():
    read = text_format.Parse(models_config({}, "/mnt"), model_server_config_pb2.ModelServerConfig())
    assert read.WhichOneof("config") == "model_config_list"
