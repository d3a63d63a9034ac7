"""Jobs run one after another or side by side, and what fails is told when the others are done."""

import os

import pytest

from weightspace.machine.side_by_side import side_by_side


def work(job):
    if job == 3:
        raise ValueError("three")
    return job, os.environ.get("OMP_NUM_THREADS"), os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_although_one_fails(workers):
    said, found = [], []
    with pytest.raises(RuntimeError, match=r"1 of 4 runs failed:\n3: three"):
        found.extend(side_by_side(work, [1, 2, 3, 4], workers, 1, said.append))
    assert sorted(job for job, _, _ in found) == [1, 2, 4]
    assert sum("3 failed: three" in line for line in said) == 1


def test_workers_have_their_threads_and_this_process_keeps_its_environment(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    found = list(side_by_side(work, [1, 2], 2, 7))
    assert {threads for _, threads, _ in found} == {"7"} and os.getpid() not in {process for *_, process in found}
    assert dict(os.environ) == before
