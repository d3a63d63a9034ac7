"""The comparison of ways of editing end to end on a tiny zoo: jobs, result files, skipping, the table."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.inr.inrs import DIGITS
from weightspace import Recipe, build_zoo
from weightspace.inr import Convention
from weightspace.metanets import load_metanet
from weightspace.nets import Architecture
from weightspace.tasks.comparison.jobs.editjob import PLAIN, EditJob, edit_jobs, edit_parts, signals_of, signals_shown
from weightspace.tasks.comparison.jobs.editmethod import EDIT_TIERS, EditTier
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.comparison.tables.report import protocol_report
from weightspace.tasks.editing.editor import Editor
from weightspace.tasks.training.train import TrainConfig

PLAIN_AND_ONE = ("nothing", "refit, 10 steps", "NFN_HNP, gradient")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Folders, with a tier T on a tiny zoo."""
    recipe = tmp_path / "tiny-inr.toml"
    recipe.write_text(DIGITS, encoding="utf-8")
    build_zoo(Recipe.load(recipe), tmp_path / "zoos" / "tiny-inr", workers=1, progress=False)
    tier = EditTier(ZooSource(str(recipe)), (0, 1), "signal", TrainConfig(steps=3, judge_every=2))
    monkeypatch.setitem(EDIT_TIERS["grey"], "S", tier)
    edit_parts.cache_clear()
    yield Workspace(str(tmp_path / "zoos"), str(tmp_path / "results"), str(tmp_path / "runs"))
    edit_parts.cache_clear()


def test_jobs_are_checked_and_plain_ways_have_one_seed():
    jobs = edit_jobs("dilate", "S", PLAIN_AND_ONE, (3, 4))
    assert [(job.method, job.seed) for job in jobs] == [
        ("nothing", 0),
        ("refit, 10 steps", 0),
        ("NFN_HNP, gradient", 3),
        ("NFN_HNP, gradient", 4),
    ]
    assert {job.seed for job in edit_jobs("dilate", "S") if job.method not in PLAIN} == set(
        EDIT_TIERS["grey"]["S"].seeds
    )
    with pytest.raises(ValueError, match=r"methods must be among nothing, readout alone.*got magic"):
        edit_jobs("dilate", "S", ("magic",))
    with pytest.raises(ValueError, match="tier must be one of S, M, L, got 'X'"):
        edit_jobs("dilate", "X")
    with pytest.raises(ValueError, match="An edit must be one of dilate"):
        edit_jobs("melt", "S")
    with pytest.raises(ValueError, match="signals must be one of grey, colour, solids, got 'sound'"):
        edit_jobs("blur", "S", signals="sound")
    with pytest.raises(ValueError, match=r"smooth isn't an edit of signals 'colour'; those are dilate, .*rotate"):
        edit_jobs("smooth", "S", signals="colour")
    with pytest.raises(
        ValueError, match="contrast isn't an edit of signals 'solids'; those are smooth, inflate, blend"
    ):
        edit_jobs("inflate+contrast", "S")


@pytest.mark.parametrize(
    ("edit", "asked", "signals", "protocol", "recipe"),
    [
        ("blur:sigma=0.7", "", "grey", "edit-blur-sigma-0-7", "digits-inr"),
        ("blur", "colour", "colour", "edit-colour-blur", "digits-inr-colour"),
        ("inflate", "", "solids", "edit-solids-inflate", "shapes-sdf"),
    ],
)
def test_what_the_nets_show_decides_zoo_and_name(edit, asked, signals, protocol, recipe):
    job = edit_jobs(edit, "S", ("nothing",), signals=asked)[0]
    assert (job.signals, job.protocol, job.source.recipe) == (signals, protocol, recipe)
    assert signals_of(protocol) == signals
    assert (" --signals colour" in job.command) == (signals == "colour")
    net = Architecture("siren", {"out_features": 3 if signals == "colour" else 1})
    shape = (4,) * (3 if signals == "solids" else 2)
    assert signals_shown(Convention(net, shape, "corners")) == signals


def test_every_tier_has_nets_of_its_kind():
    for signals, tiers in EDIT_TIERS.items():
        for tier in tiers.values():
            recipe = Recipe.load(tier.zoo.recipe)
            assert recipe.architecture.get("in_features", 2) == (3 if signals == "solids" else 2)
            assert recipe.architecture.get("out_features", 1) == (3 if signals == "colour" else 1)


def test_results_are_written_once_and_shown(workspace):
    jobs = edit_jobs("dilate", "S", PLAIN_AND_ONE)
    made = list(run_jobs(jobs, workspace))
    assert [(result.method, result.seed) for result in made] == [(job.method, job.seed) for job in jobs]
    assert [path.name for path in Path(workspace.results).glob("*.jsonl")] == ["edit-dilate-S.jsonl"]
    said = []
    assert list(run_jobs(jobs, workspace, say=said.append)) == []
    assert said == ["4 of 4 results are there, 0 to make"]
    results = {(result.method, result.seed): result for result in read_results(workspace.results)}
    assert results["nothing", 0].scores["dilate"]["mse"] > results["refit, 10 steps", 0].scores["dilate"]["mse"]
    assert results["NFN_HNP, gradient", 1].reads == "weights and gradient"
    assert results["NFN_HNP, gradient", 1].command == (
        'python scripts/compare_editors.py --tier S --edit dilate --methods "NFN_HNP, gradient" --seeds 1'
    )
    report = protocol_report("edit-dilate", "S", list(results.values()))
    rows = [line.split("|")[1].strip() for line in report.splitlines() if line.startswith("|")]
    assert rows == ["method", "---", "NFN_HNP, gradient", "nothing", "refit, 10 steps"]
    assert "`python scripts/compare_editors.py --tier S`" in report
    (folder,) = (path for path in (Path(workspace.runs) / "edit-dilate-S").iterdir() if "seed1" in path.name)
    assert (folder / "wall.png").stat().st_size > 10_000
    assert Editor(load_metanet(folder / "metanet")).settings.edits == ("dilate:size=3",)


def test_another_configuration_is_another_result(workspace, monkeypatch):
    job = EditJob("dilate", "S", "nothing", 0)
    list(run_jobs([job], workspace))
    assert job.is_done(workspace)
    monkeypatch.setitem(EDIT_TIERS["grey"], "S", replace(EDIT_TIERS["grey"]["S"], lr=0.5))
    assert not job.is_done(workspace)
