"""Killed at any line of the code that writes, and run again: nothing twice, nothing lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

POINTS = 10
# Forks a child for each point, so that what is imported is imported once. The child asks a server by V1, because
# TensorFlow and gRPC don't survive a fork.
SCRIPT = """
import json, os, signal, sys, traceback
from pathlib import Path
import numpy, pandas, pyarrow.parquet, sqlalchemy.dialects.sqlite, sqlalchemy.engine.default
from components.deploy import durable
from serving.batch import parquet_file, parquet_folder, parquet_keys, predict, sink, sql_table, writing
from serving.batch.request import BatchRequest
from serving.clients import connect, v1

settings, out, points = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
modules = (parquet_file, parquet_folder, parquet_keys, sql_table, writing, durable, sqlalchemy.engine.default)
traced = {module.__file__ for module in modules}
pyarrow.set_cpu_count(1)

def run(place):
    request = BatchRequest(**{**settings, "store": Path(settings["store"]), "out": place})
    return predict.predict_batch(request, lambda *_: None, lambda: 1e9)

def child(place, kill_at=0):
    # Kills itself at the line numbered kill_at of those modules; returns how many there were.
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        lines = 0
        def at_line(frame, event, argument):
            nonlocal lines
            if event == "line":
                lines += 1
                if lines == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return at_line
        sys.settrace(lambda frame, event, argument: at_line if frame.f_code.co_filename in traced else None)
        try:
            summary = run(place)
            sys.settrace(None)
            os.write(writer, json.dumps({**summary.as_dict(), "lines": lines}).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writer)
    status = os.waitpid(process, 0)[1]
    text = os.read(reader, 1_000_000)
    os.close(reader)
    return status, json.loads(text) if text else None

status, undisturbed = child(out.format("whole"))
assert status == 0
total, results = undisturbed["lines"], []
for point in range(points):
    place, at = out.format(f"killed-{point}"), 1 + point * (total - 1) // (points - 1)
    killed, _ = child(place, at)
    again, summary = child(place)
    results.append({"at": at, "killed": killed, "again": again, "place": place, "summary": summary})
print(json.dumps({"lines": total, "whole": out.format("whole"), "results": results}))
"""


@pytest.mark.parametrize("kind", ["{}", "{}.parquet", "sqlite:///{}.db"])
def test_a_killed_run_is_completed_by_the_next(server, table, tmp_path, rows_in, kind):
    (tmp_path / "script.py").write_text(SCRIPT)
    settings = {"readings": str(table), "store": str(server.store.root), "model": "river", "series": "station"}
    settings |= {"url": server.url("v1"), "batch_size": 3}
    out = kind.format(str(tmp_path / "out-{}"))
    command = [sys.executable, str(tmp_path / "script.py"), json.dumps(settings), out, str(POINTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    whole = rows_in(told["whole"])
    assert len(whole) == 20
    written = []
    for result in told["results"]:
        assert (result["killed"], result["again"]) == (signal.SIGKILL, 0), done.stderr
        pd.testing.assert_frame_equal(rows_in(result["place"]), whole)
        summary = result["summary"]
        assert summary["rows_written"] + summary["rows_already_there"] == 20
        written.append(summary["rows_written"])
    # The first were killed before anything was there, the last after nearly all was.
    assert written == sorted(written, reverse=True)
    assert (written[0], len(set(written)) >= 4) == (20, True)
    assert not list(tmp_path.rglob("*.tmp"))


RACE = """
import sys
from pathlib import Path
from serving.batch.predict import predict_batch
from serving.batch.request import BatchRequest
readings, store, url, out = sys.argv[1:]
request = BatchRequest(out, readings, store=Path(store), model="river", series="station", url=url, batch_size=1)
summary = predict_batch(request, lambda *_: None, lambda: 1e9)
assert summary.rows_in == summary.rows_written + summary.rows_already_there == 20
print(summary.rows_written)
"""


def test_two_runs_at_once_write_each_row_once(server, table, place, tmp_path, rows_in):
    arguments = [str(table), str(server.store.root), server.url("v2-grpc"), place]
    command = [sys.executable, "-c", RACE, *arguments]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert sum(int(out) for out, _ in texts) == 20
    assert len(rows_in(place)) == 20


def test_files_are_readable_by_others_than_their_writer(server, table, place, run):
    if "://" in place:
        pytest.skip("a database says itself who may read it")
    run(table, out=place)
    path = Path(place)
    file = next(path.glob("*.parquet")) if path.is_dir() else path
    assert file.stat().st_mode & 0o777 == 0o666 & ~_mask()


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
