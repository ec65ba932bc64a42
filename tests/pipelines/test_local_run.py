import json
import textwrap
from pathlib import Path

import pytest

from pipelines.run.outputs import IncompleteRunError, read_artifacts

PIPELINE = textwrap.dedent("""
    import sys, threading
    from pathlib import Path
    from kfp import dsl, local
    from pipelines.local_run import guard_steps

    @dsl.component(base_image="python", install_kfp_package=False)
    def work(name: str, seen: str, readings: str, digest: str) -> str:
        import os, sys
        from pathlib import Path
        with open(seen, "a") as file:
            file.write(name + " " + os.environ["OMP_NUM_THREADS"] + "\\n")
        if name == "bad":
            sys.exit(1)
        return Path(readings).read_text()

    @dsl.pipeline(name="probe")
    def probe(names: list, seen: str, readings: str, digest: str):
        alone = work(name="alone", seen=seen, readings=readings, digest=digest)
        with dsl.ParallelFor(items=names, parallelism=2) as name:
            work(name=name, seen=seen, readings=readings, digest=digest).after(alone)

    def run(names, digest="", stopping=None):
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="root", enable_caching=True)
        try:
            seen, readings = (str(Path(name).resolve()) for name in ("seen", "readings"))
            probe(names=names, seen=seen, readings=readings, digest=digest)
            print("run went well")
        except RuntimeError:
            print("run broke")

    Path("readings").write_text("1")
    stopping = threading.Event()
    guard_steps(stopping)
""")


def seen(folder: Path) -> list[str]:
    return (folder / "seen").read_text().splitlines() if (folder / "seen").exists() else []


def test_after_a_failure_the_waiting_trainings_do_not_begin(python, tmp_path: Path):
    result = python(PIPELINE + "run(['bad', 'bad', 'c', 'd', 'e', 'f'])")
    assert "run broke" in result.stdout
    assert {line.split()[0] for line in seen(tmp_path)} == {"alone", "bad"}


def test_a_stopping_run_starts_no_step(python, tmp_path: Path):
    result = python(PIPELINE + "stopping.set(); run(['a'])")
    assert "run broke" in result.stdout
    assert seen(tmp_path) == []


def test_trainings_side_by_side_share_the_cores(python, tmp_path: Path):
    result = python("import os; os.cpu_count = lambda: 8\n" + PIPELINE + "run(['a', 'b'])")
    assert "run went well" in result.stdout, result.stderr
    assert sorted(seen(tmp_path)) == ["a 4", "alone 8", "b 4"]


def test_the_cache_goes_by_path_and_a_digest_parameter_makes_new_readings_seen(python, tmp_path: Path):
    changed = 'Path("readings").write_text("2")\n'
    result = python(PIPELINE + "run(['a'], 'one')\n" + changed + "run(['a'], 'one'); run(['a'], 'two')")
    assert result.stdout.count("run went well") == 3
    # Twice, not three times: with the digest of before, kfp takes the result of before.
    assert [line.split()[0] for line in seen(tmp_path)] == ["alone", "a"] * 2


def test_a_result_without_a_verdict_is_no_success(tmp_path: Path):
    result = tmp_path / "result.json"
    result.write_text('{"passed": null}')
    with pytest.raises(IncompleteRunError, match="no verdict"):
        read_artifacts(result)


def test_an_output_that_was_never_written_is_no_success(tmp_path: Path):
    result = tmp_path / "result.json"
    there = tmp_path / "there"
    there.touch()
    paths = dict.fromkeys(("metrics", "gate", "serving", "forecasts", "candidate"), str(there))
    result.write_text(json.dumps({**paths, "report": str(tmp_path / "gone"), "passed": True}))
    with pytest.raises(IncompleteRunError, match="report"):
        read_artifacts(result)
