"""A whole server with keys and TLS, and one with tight limits."""

import os
import signal
import socket
import ssl
import threading
import time

import grpc
import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from components.errors import InputError
from pipelines.cli.main import app as cli
from serving.clients.client import PROTOCOLS, Address
from serving.clients.connect import connect
from serving.server.limits import MAX_HEADER_BYTES, Limits
from serving.server.security import Security

PREDICT = "/v1/models/river:predict"
ONE = {"instances": np.zeros((1, 12, 3)).tolist()}


def url_of(running, protocol: str) -> str:
    port = {"v1": running.http, "v2": running.http, "v2-grpc": running.grpc, "tfserving": running.predict}[protocol]
    return f"{'https' if protocol in ('v1', 'v2') else 'grpcs'}://localhost:{port}"


def test_keys_and_certificate_hold_on_every_port_and_are_renewed_while_it_runs(
    start_guarded, store, ports, eventually, certificate, authority, tmp_path, windows
):
    cert, private, ca = certificate
    keys = tmp_path / "keys"
    key = CliRunner().invoke(cli, ["keys", "new", "tests", "--file", str(keys)]).stdout.strip()
    running = start_guarded(store, ports, eventually, security=Security(keys, cert, private))
    for protocol in PROTOCOLS:
        address = url_of(running, protocol)
        with connect(Address(address, "river", key=key, ca=ca), protocol) as client:
            assert client.predict(windows(2)).version == 1
        with (
            connect(Address(address, "river", ca=ca), protocol) as client,
            pytest.raises(InputError, match="doesn't know this caller"),
        ):
            client.predict(windows(1))
        with (
            connect(Address(address, "river", key=key, timeout_seconds=5), protocol) as client,
            pytest.raises(InputError, match="no server answers there"),
        ):
            client.predict(windows(1))

    fresh = CliRunner().invoke(cli, ["keys", "new", "fresh", "--file", str(keys)]).stdout.strip()
    keys.write_text("".join(f"{line}\n" for line in keys.read_text().splitlines() if line.startswith("fresh:")))
    for protocol in PROTOCOLS:
        address = url_of(running, protocol)
        with connect(Address(address, "river", key=fresh, ca=ca), protocol) as client:
            client.predict(windows(1))
        with connect(Address(address, "river", key=key, ca=ca), protocol) as client, pytest.raises(InputError):
            client.predict(windows(1))

    before = serial(running.http, ca)
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(str(private))
    cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    for port in (running.http, running.grpc, running.predict):
        eventually(lambda port=port: serial(port, ca) not in ("", before), 10)
    with connect(Address(url_of(running, "v2-grpc"), "river", key=fresh, ca=ca), "v2-grpc") as client:
        client.predict(windows(1))


def serial(port: int, ca) -> str:
    """The serial number of the certificate that a port shows; empty while it shows one that doesn't fit."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with (
            socket.create_connection(("localhost", port), 5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            return str(secured.getpeercert()["serialNumber"])
    except ssl.SSLError:
        return ""


@pytest.fixture(scope="module")
def tight(start_guarded, tmp_path_factory, candidates) -> int:
    """The HTTP port of a server with tight limits."""
    from components.deploy.store import ModelStore

    store = ModelStore(tmp_path_factory.mktemp("tight") / "store")
    store.publish("river", candidates["river-1"])
    store.promote("river", 1)
    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("0.0.0.0", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    limits = Limits(
        max_body_bytes=1_000_000,
        max_batch=100,
        body_timeout_seconds=0.5,
        header_timeout_seconds=0.5,
        max_connections=30,
    )
    return start_guarded(store, ports, wait, limits=limits).http


def wait(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def opened(port: int, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 5)
    connection.sendall(data)
    return connection


def rest(connection: socket.socket) -> bytes:
    """What still comes until the server closes."""
    told = b""
    try:
        while piece := connection.recv(65536):
            told += piece
    except ConnectionError:
        pass
    return told


def send_headers(connection: socket.socket, length: int) -> None:
    for number in range(length // 1000):
        connection.sendall(f"x-{number}: {'a' * 1000}\r\n".encode())
        time.sleep(0.001)


def send_slowly(connection: socket.socket, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.sendall(b"x")
        time.sleep(0.05)


def test_a_connection_that_says_nothing_is_closed(tight):
    begin = time.monotonic()
    assert rest(opened(tight)) == b""
    assert 0.3 < time.monotonic() - begin < 3


def test_headers_that_trickle_are_cut(tight):
    connection = opened(tight, b"POST / HT")
    begin = time.monotonic()
    with pytest.raises(ConnectionError):
        send_slowly(connection, 5)
    assert time.monotonic() - begin < 3


def test_headers_without_end_are_refused(tight):
    connection = opened(tight, b"GET / HTTP/1.1\r\n")
    with pytest.raises(ConnectionError):
        send_headers(connection, 100 * MAX_HEADER_BYTES)
    assert httpx.get(f"http://localhost:{tight}/v2/health/live").status_code == 200


def test_a_body_that_does_not_come_is_told_and_cut(tight):
    connection = opened(tight, f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
    begin = time.monotonic()
    told = rest(connection)
    assert told.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begin < 3


def test_a_refused_body_is_read_to_its_end_so_that_the_refusal_is_seen(tight):
    with httpx.Client() as client:
        for content in (b"x" * 3_000_000, iter([b"x" * 500_000] * 6)):
            reply = client.post(f"http://localhost:{tight}{PREDICT}", content=content)
            assert reply.status_code == 413
            assert "at most 1000000 bytes" in reply.json()["error"]


def test_the_batch_limit_holds(tight):
    url = f"http://localhost:{tight}{PREDICT}"
    assert httpx.post(url, json={"instances": np.zeros((100, 12, 3)).tolist()}).status_code == 200
    reply = httpx.post(url, json={"instances": np.zeros((101, 12, 3)).tolist()})
    assert reply.status_code == 400
    assert "n from 1 to 100 windows, got n = 101" in reply.json()["error"]


def test_idle_connections_make_room_for_those_who_ask(tight):
    idle = [opened(tight, b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n") for _ in range(30)]
    for connection in idle:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert httpx.post(f"http://localhost:{tight}{PREDICT}", json=ONE).status_code == 200
    for connection in idle:
        connection.close()


def test_more_connections_than_allowed_are_refused_at_once(tight):
    asking = f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n".encode()
    busy = [opened(tight, asking) for _ in range(30)]
    time.sleep(0.1)
    assert rest(opened(tight)).startswith(b"HTTP/1.1 503")
    for connection in busy:
        connection.close()
    time.sleep(0.1)
    assert httpx.get(f"http://localhost:{tight}/v2/health/ready").status_code == 200


def test_large_requests_from_many_callers_leave_small_ones_fast_and_none_is_lost(server, windows):
    """Many batches wait their turn or are told to come again; a single window passes them."""
    url = f"http://localhost:{server.http}{PREDICT}"
    batch = httpx.Request("POST", url, json={"instances": windows(4000).tolist()}).content
    told: list[int] = []

    def ask() -> None:
        told.append(httpx.post(url, content=batch, timeout=60).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    seconds = []
    while any(thread.is_alive() for thread in threads):
        begin = time.monotonic()
        assert httpx.post(url, json=ONE).status_code == 200
        assert httpx.get(f"http://localhost:{server.http}/v2/health/ready").status_code == 200
        seconds.append(time.monotonic() - begin)
    for thread in threads:
        thread.join()
    assert set(told) <= {200, 429}
    assert told.count(200) >= 4
    assert max(seconds) < 5


def test_readiness_turns_false_before_the_ports_close_and_nothing_is_dropped(start_guarded, store, ports, eventually):
    running = start_guarded(store, ports, eventually, limits=Limits(drain_delay_seconds=1.5))
    base = f"http://localhost:{running.http}"
    assert httpx.get(f"{base}/v2/health/ready").status_code == 200
    os.kill(running.process.pid, signal.SIGTERM)
    eventually(lambda: httpx.get(f"{base}/v2/health/ready").status_code == 503, 1)
    assert httpx.get(f"{base}/v2/health/live").status_code == 200
    assert httpx.post(base + PREDICT, json=ONE).status_code == 200
    with connect(Address(f"grpc://localhost:{running.grpc}", "river"), "v2-grpc") as client:
        client.predict(np.zeros((1, 12, 3), np.float32))
    begin = time.monotonic()
    assert running.process.wait(20) == 0
    assert time.monotonic() - begin < 8
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", running.http)) != 0


def test_grpc_refuses_plain_text_where_there_is_tls(start_guarded, store, ports, eventually, certificate):
    cert, private, _ = certificate
    running = start_guarded(store, ports, eventually, security=Security(tls_cert=cert, tls_key=private))
    with grpc.insecure_channel(f"localhost:{running.grpc}") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=3)
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
