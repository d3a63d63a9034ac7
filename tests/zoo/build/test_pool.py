import sys

import pytest

from weightspace.zoo.build.pool import Pool, default_workers


def pool_of(monkeypatch, tmp_path, recipe, script, workers=2):
    """A pool whose workers run a script instead of the real one."""
    (tmp_path / "fake.py").write_text(f"#!{sys.executable}\n{script}")
    (tmp_path / "fake.py").chmod(0o755)
    monkeypatch.setattr("weightspace.zoo.build.pool.sys.executable", str(tmp_path / "fake.py"))
    return Pool(tmp_path, recipe, workers)


def test_answers_that_come_in_one_piece_are_all_heard(monkeypatch, tmp_path, recipe):
    script = """
import json, os, sys
for line in sys.stdin:
    answers = [{"nets": 1}, {"nets": 2}, {"shard": int(line)}]
    os.write(1, "".join(json.dumps(answer) + "\\n" for answer in answers).encode())
"""
    nets = []
    with pool_of(monkeypatch, tmp_path, recipe, script) as pool:
        pool.run(range(7), nets.append)
    assert sorted(nets) == [1] * 7 + [2] * 7


def test_a_worker_that_dies_is_named(monkeypatch, tmp_path, recipe):
    message = r"a worker ended \(exit 3\); the same command goes on from here"
    script = "import sys; sys.stdin.readline(); sys.exit(3)"
    with pool_of(monkeypatch, tmp_path, recipe, script) as pool, pytest.raises(RuntimeError, match=message):
        pool.run(range(3), lambda nets: None)


def test_an_error_of_a_worker_is_told(monkeypatch, tmp_path, recipe):
    script = """
import sys
sys.stdin.readline()
print('{"error": "shard 0: OSError: full"}', flush=True)
sys.stdin.read()
"""
    message = r"a worker failed in shard 0: OSError: full"
    with pool_of(monkeypatch, tmp_path, recipe, script) as pool, pytest.raises(RuntimeError, match=message):
        pool.run(range(3), lambda nets: None)
    assert all(worker.returncode is not None for worker in pool.workers)


def test_there_is_at_least_one_worker():
    assert default_workers() >= 1
