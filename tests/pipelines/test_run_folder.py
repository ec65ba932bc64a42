import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from components.errors import InputError
from components.journal import Journal, read_events
from pipelines.run.digests import code_revision, data_digest
from pipelines.run.folder import RunFolder, locked, read_record, write_record

HOLD = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from pipelines.run.folder import RunFolder, locked
    with locked(RunFolder(Path(sys.argv[1]))):
        print("held", flush=True)
        time.sleep(60)
""")


def test_two_runs_do_not_share_a_folder(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(InputError, match=f"another run \\(process {holder.pid}\\)"), locked(RunFolder(tmp_path)):
            pass
        holder.kill()
    with locked(RunFolder(tmp_path)) as lock:
        assert lock > 0


def test_the_journal_and_the_log_of_the_last_run_are_put_aside(tmp_path: Path):
    folder = RunFolder(tmp_path)
    Journal(str(folder.work), "ingest").started()
    folder.rotate()
    assert read_events(str(folder.work)) == ([], 0)
    assert (folder.work / "journal.previous.jsonl").read_text().count("started") == 1


def test_a_record_that_is_cut_short_reads_as_none(tmp_path: Path):
    path = tmp_path / "run.json"
    write_record(path, {"key": "a"})
    assert read_record(path) == {"key": "a"}
    path.write_text('{"key": ')
    assert read_record(path) == {}


def test_new_bytes_under_the_same_path_have_a_new_digest(tmp_path: Path):
    path = tmp_path / "readings.csv"
    path.write_text("time,level\n1,2\n")
    before = data_digest(str(path))
    path.write_text("time,level\n1,3\n")
    assert data_digest(str(path)) != before
    path.write_text("time,level\n1,2\n")
    assert data_digest(str(path)) == before


def test_the_digest_of_a_folder_knows_each_file_and_its_name(tmp_path: Path):
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "b.csv").write_text("2")
    before = data_digest(str(tmp_path))
    (tmp_path / "b.csv").rename(tmp_path / "c.csv")
    assert data_digest(str(tmp_path)) != before


def test_a_database_is_read_anew_each_time():
    assert data_digest("sqlite:///x.db") != data_digest("sqlite:///x.db")


def test_the_revision_is_the_same_while_the_code_is():
    assert code_revision() == code_revision()
