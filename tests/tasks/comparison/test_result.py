import json
from dataclasses import replace

import pytest

from weightspace.tasks.comparison.result import Result, fingerprint_of, read_results, result_path, slug

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
    assert path == tmp_path / "cnn-S" / "spacenet-weights-only-seed1.json"
    assert Result.load(path) == RESULT
    assert json.loads(path.read_text())["fingerprint"] == RESULT.fingerprint
    assert [result.method for result in read_results(tmp_path)] == [RESULT.method]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


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


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "a.json").write_text('{"protocol": "cnn", "colour": 1}')
    with pytest.raises(ValueError, match=r"isn't a result; missing: .*'tier'.*unknown: \['colour'\]"):
        Result.load(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ValueError, match="holds no result"):
        Result.load(tmp_path / "b.json")


def test_names_of_files():
    assert slug("FlatMLP, permuted while training") == "flatmlp-permuted-while-training"
    assert result_path("r", "cnn", "S", "A b", 0).as_posix() == "r/cnn-S/a-b-seed0.json"
