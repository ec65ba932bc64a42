"""Records at a tracking store: whole, once, and in the registry."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.tracking.deliver import deliver, put_run
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.read import read_run
from pipelines.tracking.registry import set_aliases
from pipelines.tracking.sender import Sender, open_client

if TYPE_CHECKING:
    from tests.pipelines.tracking.conftest import Run, Server

MODEL = "reservoir"


def send(run: Run, server: Server) -> tuple[Any, ...]:
    """Puts the run into its outbox and sends all that lies there."""
    put_run(run.folder, server.address)
    return deliver(Outbox.of(run.root), server.address)


@dataclass
class BreaksOff:
    """MLflow's client, whose connection breaks at one of its calls: before the server has it, or after."""

    client: Any
    calls_left: int
    after: bool

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls_left -= 1
            if self.calls_left == 0 and not self.after:
                raise ConnectionError("broken off")
            answer = method(*arguments, **named)
            if self.calls_left == 0:
                raise ConnectionError("broken off")
            return answer

        return call


def test_a_run_is_there_with_its_members_nested_in_it(run: Run, server: Server) -> None:
    assert send(run.begin().end(), server) == ()
    (parent,) = server.runs()
    assert parent.info.status == "FINISHED"
    assert parent.data.params["members"] == "rule_based,linear"
    assert parent.data.metrics["test/rmse_h10"] == 0.2
    nested = server.members()
    assert set(nested) == {"rule_based", "linear"}
    assert nested["linear"].data.tags["mlflow.parentRunId"] == parent.info.run_id
    history = server.client.get_metric_history(nested["linear"].info.run_id, "validation_loss")
    assert [point.step for point in history] == [0, 10, 20]
    assert history[1].timestamp - history[0].timestamp == 1000


def test_its_files_and_the_published_version_are_artifacts(run: Run, server: Server) -> None:
    send(run.begin().end(), server)
    (parent,) = server.runs()
    root = Path(parent.info.artifact_uri.removeprefix("file://"))
    assert {path.name for path in root.iterdir()} == {
        "gate.json",
        "metrics.json",
        "model_card.json",
        "report.html",
        "model",
    }
    assert (root / "model" / "saved_model.pb").read_text() == "graph 1"
    assert Outbox.of(run.root).artifacts(Outbox.of(run.root).entries()[0]) is None


def test_the_published_version_is_registered_and_champion(run: Run, server: Server) -> None:
    send(run.begin().end(), server)
    version = server.client.get_model_version_by_alias(MODEL, "champion")
    assert version.tags["sluice.store_version"] == "1"
    assert version.run_id == server.runs()[0].info.run_id


def test_a_refused_run_registers_nothing(run: Run, server: Server) -> None:
    send(run.begin().end("refused"), server)
    assert server.runs()[0].data.tags["sluice.outcome"] == "refused"
    assert server.client.search_registered_models() == []


def test_sent_twice_it_is_there_once(run: Run, server: Server) -> None:
    send(run.begin().end(), server)
    once = server.contents()
    assert send(run, server) == ()
    assert server.contents() == once


def test_a_run_that_goes_on_after_a_kill_is_the_same_run(run: Run, server: Server) -> None:
    send(run.begin().progress("train linear", 0).progress("train linear", 0.4), server)
    assert server.runs()[0].info.status == "KILLED"
    run.begin().end()
    send(run, server)
    (parent,) = server.runs()
    assert parent.info.status == "FINISHED"
    assert server.members()["linear"].info.status == "FINISHED"
    assert [p.step for p in server.client.get_metric_history(parent.info.run_id, "progress/train linear")] == [40]


def test_another_run_in_the_same_folder_is_another_run(run: Run, server: Server) -> None:
    send(run.begin().end(), server)
    run.key, run.graph = "l" * 64, "graph 2"
    send(run.begin().end(), server)
    assert len(server.runs()) == 2
    assert len(server.client.search_model_versions(f"name = '{MODEL}'")) == 2
    assert server.client.get_model_version_by_alias(MODEL, "champion").tags["sluice.store_version"] == "2"


def test_broken_off_at_any_call_the_next_try_completes_it_and_doubles_nothing(
    run: Run, server: Server, tmp_path: Path
) -> None:
    run.members = ("linear",)
    send(run.begin().end(), server)
    whole = server.contents()
    put_run(run.folder, server.address)
    outbox = Outbox.of(run.root)
    (entry,) = outbox.pending()
    record, files = outbox.record(entry), outbox.artifacts(entry)
    broken = 0
    for calls in range(1, 60):
        own = server.another(tmp_path / f"{calls}.db")
        breaking = BreaksOff(open_client(own.address), calls, after=calls % 2 == 0)
        try:
            Sender(own.address, client=lambda _, client=breaking: client).send(record, entry.id, files)  # type: ignore[misc]
        except ConnectionError:
            broken += 1
        else:
            break
        Sender(own.address).send(record, entry.id, files)
        assert own.contents() == whole, calls
    assert broken > 15


def test_a_server_that_is_not_there_leaves_it_in_the_run_s_folder_to_be_sent_later(run: Run, server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    put_run(run.begin().end().folder, nowhere)
    began = time.monotonic()
    (missed,) = deliver(Outbox.of(run.root), nowhere)
    assert time.monotonic() - began < 30
    assert "127.0.0.1" in missed.problem
    # The next run of the folder is another one; the missed one is sent as it was.
    run.key = "l" * 64
    run.begin()
    assert deliver(Outbox.of(run.root), server.address) == ()
    assert server.runs()[0].data.metrics["test/rmse"] == 0.25
    assert "report.html" in {file.path for file in server.client.list_artifacts(server.runs()[0].info.run_id)}


def test_a_parameter_that_is_told_otherwise_stays_as_it_was_told_first(run: Run, server: Server) -> None:
    record = read_run(run.begin().end().folder)
    Sender(server.address).send(record, "id")
    record.params["seed"] = "8"
    Sender(server.address).send(record, "id")
    assert server.runs()[0].data.params["seed"] == "7"


def test_aliases_follow_the_store_s_pointers(run: Run, server: Server) -> None:
    send(run.begin().end(), server)
    run.key, run.graph = "l" * 64, "graph 2"
    send(run.begin().end(), server)
    run.store.rollback(MODEL)
    run.store.stage(MODEL, 2)
    assert set_aliases(server.client, run.store.root, MODEL) == ()
    assert server.contents_of_registry() == {"champion": "1", "candidate": "2"}
    run.store.unstage(MODEL)
    set_aliases(server.client, run.store.root, MODEL)
    assert server.contents_of_registry() == {"champion": "1"}


def test_a_run_without_a_champion_leaves_the_aliases_of_another_store(run: Run, server: Server, tmp_path: Path) -> None:
    send(run.begin().end(), server)
    run.root = tmp_path / "other"
    send(run.begin().end("refused"), server)
    assert server.contents_of_registry() == {"champion": "1"}


def test_no_alias_stays_on_a_version_that_is_no_longer_champion(run: Run, server: Server) -> None:
    send(run.begin().end(), server)
    run.key, run.graph = "l" * 64, "graph 2"
    run.begin().end()
    (told,) = set_aliases(server.client, run.store.root, MODEL)
    assert "version 2 of reservoir, the champion, isn't registered" in told
    assert server.contents_of_registry() == {}
