import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from weightspace.tasks.comparison.jobs.result import (
    Result,
    find_result,
    fingerprint_of,
    read_results,
    results_path,
    slug,
)

RESULT = Result(
    protocol="cnn",
    tier="S",
    method="SpaceNet, weights only",
    reads="weights",
    seed=1,
    scores={"gap": {"tau": 0.5}},
    config={"training": {"steps": 3}},
    recipes={"digits-cnn": "abc"},
    nets={"train": 3},
    seconds=1.5,
    parameters=10,
)


def test_a_file_gives_back_what_was_written(tmp_path):
    path = RESULT.save(tmp_path)
    assert path == tmp_path / "cnn-S.jsonl" == results_path(tmp_path, "cnn", "S")
    assert list(read_results(tmp_path)) == [RESULT]
    assert json.loads(path.read_text())["fingerprint"] == RESULT.fingerprint
    assert find_result(tmp_path, "cnn", "S", RESULT.method, 1) == RESULT
    assert find_result(tmp_path, "cnn", "S", RESULT.method, 2) is None
    assert find_result(tmp_path, "early", "S", RESULT.method, 1) is None
    assert {file.name for file in tmp_path.iterdir()} == {path.name, ".lock"}


def test_a_file_is_sorted_and_a_new_result_takes_the_place_of_the_old(tmp_path):
    for seed in (1, 0, 2, 1):
        replace(RESULT, seed=seed, seconds=float(seed)).save(tmp_path)
    replace(RESULT, method="A").save(tmp_path)
    newer = replace(RESULT, seed=0, config={"training": {"steps": 4}})
    newer.save(tmp_path)
    found = list(read_results(tmp_path))
    rows = [("A", 1), *[(RESULT.method, seed) for seed in range(3)]]
    assert [(result.method, result.seed) for result in found] == rows
    assert found[1] == newer


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: replace(RESULT, seed=seed).save(tmp_path), range(24)))
    assert [result.seed for result in read_results(tmp_path)] == list(range(24))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"tier": "M"},
        {"protocol": "early"},
        {"method": "SpaceNet"},
        {"config": {"training": {"steps": 4}}},
        {"recipes": {"digits-cnn": "abd"}},
    ],
)
def test_the_fingerprint_tells_runs_apart(change):
    assert replace(RESULT, **change).fingerprint != RESULT.fingerprint


def test_the_fingerprint_does_not_depend_on_time_or_place():
    assert replace(RESULT, seconds=2.0, device="other", date="2020-01-01", scores={}).fingerprint == RESULT.fingerprint
    known = fingerprint_of("cnn", "S", RESULT.method, 1, RESULT.config, RESULT.recipes)
    assert known == RESULT.fingerprint


def test_a_score_that_is_not_finite():
    with pytest.raises(ValueError, match="finite number, but tau of gap is nan"):
        replace(RESULT, scores={"gap": {"tau": float("nan")}})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"protocol": "cnn", "colour": 1}',
            r"cnn-S\.jsonl, line 1 must have .*'tier'.*unknown: 'colour'",
        ),
        ("{", "line 1 must be JSON text"),
        (RESULT.line().replace('"steps": 3', '"steps": 4'), "line 1: the fingerprint of this configuration must be"),
    ],
)
def test_a_line_of_another_kind(tmp_path, line, message):
    (tmp_path / "cnn-S.jsonl").write_text(line)
    with pytest.raises(ValueError, match=message):
        list(read_results(tmp_path))


def test_names_of_files():
    assert slug("FlatMLP, permuted while training") == "flatmlp-permuted-while-training"
