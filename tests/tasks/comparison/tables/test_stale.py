"""What another configuration made is never shown as this one's."""

from dataclasses import replace

import pytest

from tests.tasks.comparison.jobs.test_result import RESULT
from weightspace.tasks.comparison.jobs.editjob import EditJob
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.predictionjob import PredictionJob
from weightspace.tasks.comparison.tables.report import protocol_report
from weightspace.tasks.comparison.tables.stale import mark_stale, stale_jobs, stale_report, staleness


def made_by(job, scores):
    return replace(
        RESULT, protocol=job.protocol, tier=job.tier, method=job.method, seed=job.seed, scores=scores,
        config=job.config, recipes=job.source.recipes(),
    )  # fmt: skip


@pytest.fixture
def results():
    jobs = [PredictionJob("cnn", "S", "StatNet", 0), PredictionJob("cnn", "S", "FlatMLP", 1)]
    return [made_by(job, {"gap": {"tau": 0.5}}) for job in jobs]


def test_what_the_code_would_make_today_is_not_stale(results):
    edited = made_by(EditJob("dilate", "S", "nothing", 0), {"dilate": {"mse": 0.1}})
    colour = made_by(EditJob("blur", "S", "nothing", 0, "colour"), {"blur": {"mse": 0.1}})
    assert stale_report([*results, edited, colour]) == "All results are up to date.\n"
    assert mark_stale([*results, edited]) == [*results, edited]


def test_another_configuration_is_named_with_both_values_and_marked(results, monkeypatch):
    monkeypatch.setitem(METHODS, "StatNet", replace(METHODS["StatNet"], small={"width": 8}))
    report = stale_report(results).splitlines()
    assert report[:2] == [
        "1 result is out of date:",
        "cnn-S: StatNet, seed 0: config.settings.width was 256, is 8",
    ]
    assert PredictionJob("cnn", "S", "StatNet", 0).command in report
    assert report[-1].endswith("python scripts/tables.py --again")
    assert [str(job) for job in stale_jobs(results)] == ["cnn-S: StatNet, seed 0"]
    table = protocol_report("cnn", "S", mark_stale(results))
    assert "| StatNet † |" in table
    assert "| FlatMLP |" in table
    assert "† Made with other settings" in table


def test_another_zoo_and_what_is_no_more(results):
    moved = replace(results[0], recipes={"digits-cnn": "0000, 3000 nets"})
    assert "recipes.digits-cnn was 0000, 3000 nets, is " in staleness(moved)
    assert staleness(replace(results[0], method="a method of old")) == "there is no such job any more"
    assert staleness(replace(results[0], protocol="other")) == "there is no such job any more"
