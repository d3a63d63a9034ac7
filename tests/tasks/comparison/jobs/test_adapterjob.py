"""Adapters end to end: jobs, one result a method and seed, its columns, its place among the tables."""

from dataclasses import replace

import pytest

from tests.tasks.tiny import ADAPTERS
from weightspace.tasks.adapters import questions
from weightspace.tasks.adapters.questions import Question
from weightspace.tasks.comparison.jobs import adapterjob
from weightspace.tasks.comparison.jobs.adapterjob import WORST, AdapterJob, adapter_jobs, asked, columns, seen
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.comparison.tables.report import grouped, protocol_report
from weightspace.tasks.comparison.tables.stale import job_of, staleness
from weightspace.zoo import Recipe, build_zoo


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    path = tmp_path / "few-adapters.toml"
    path.write_text(ADAPTERS, encoding="utf-8")
    monkeypatch.setitem(adapterjob.SOURCES, "S", ZooSource(str(path)))
    monkeypatch.setattr(questions, "PAIRS", {"train": 30, "val": 10, "test": 40})
    monkeypatch.setattr(adapterjob, "TRAINING", replace(adapterjob.TRAINING, judge_every=2))
    methods = {name: replace(method, training={"steps": 2}) for name, method in adapterjob.ADAPTER_METHODS.items()}
    for name, method in methods.items():
        monkeypatch.setitem(adapterjob.ADAPTER_METHODS, name, method)
    build_zoo(Recipe.load(path), tmp_path / "zoos" / "few-adapters", workers=1, progress=False)
    asked.cache_clear(), seen.cache_clear()
    yield Workspace(str(tmp_path / "zoos"), str(tmp_path / "results"), str(tmp_path / "runs"))
    asked.cache_clear(), seen.cache_clear()


def test_a_job_asks_everything_and_is_done_once(workspace):
    jobs = adapter_jobs("S", ["spectra", "GL-net"], [0])
    found = list(run_jobs(jobs, workspace))
    assert [result.method for result in found] == ["spectra", "GL-net"]
    wanted = ["task", "accuracy", "poisoned", "poisoned, trigger left out", WORST, "poisoned, rank left out"]
    assert list(found[0].scores) == [*wanted, "poisoned, kind left out", "merges"]
    assert set(found[0].details["questions"]) > {"without rank 2", "without kind dora", "without trigger patch"}
    assert all(job.is_done(workspace) for job in jobs) and list(run_jobs(jobs, workspace)) == []
    results = list(read_results(workspace.results))
    assert [job_of(result) for result in results] == jobs[::-1] and not any(map(staleness, results))
    text = protocol_report("adapters", "S", grouped(results)["adapters", "S"])
    assert "### What low-rank adapters were trained on" in text and "compare_adapters.py --tier S`" in text
    assert text.index("| GL-net") < text.index("| spectra") and "poisoned, kind left out AUC" in text


def test_questions_of_a_column_are_averaged_and_the_worst_is_told():
    some = [Question("poisoned, trigger left out", name, {}, {}) for name in ("a", "b")]
    found = columns(some, {"a": {"auc": 0.5}, "b": {"auc": 1.0}})
    assert found == {"poisoned, trigger left out": {"auc": 0.75}, WORST: {"auc": 0.5}}


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"methods must be among trigger search, GL-net, .*; got GL$|got GL\."):
        adapter_jobs("S", ["GL"])
    with pytest.raises(ValueError, match=r"tier must be one of S, got 'M'"):
        adapter_jobs("M")
    assert AdapterJob("S", "GL-net", 1).command.endswith('--tier S --methods "GL-net" --seeds 1')
