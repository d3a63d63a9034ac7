"""Presets make metanets of the sizes that they say, near the papers'."""

import inspect
from dataclasses import fields

import pytest

from tests.metanets.cases import traced
from weightspace.metanets import METANETS, presets
from weightspace.metanets.presets import PRESETS

PAPERS = {
    "statnet": 392_410,
    "dwsnet": 552_650,
    "nfn_np": 53_283_114,
    "nfn_hnp": 1_207_104,
    "neural_graph_gnn": 331_466,
    "neural_graph_transformer": 376_586,
    "scalegmn_forward": 1_772_042,
    "scalegmn_bidirectional": 3_089_162,
    "probe_net": 303_980,
}
"""Parameters of the papers' own code for MNIST INRs, counted from their published settings."""


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_spells_every_number_out_and_says_its_size(name):
    kind, settings = PRESETS[name]
    metanet = METANETS[kind].for_spaces(traced("siren"), outputs=10, **settings())
    given = {field.name for field in fields(metanet.config)} - {"spaces", "outputs", "head", "labels", "label_mean"}
    told = {"label_std", "classes", "domain", "input_shape", "output_size", "options"}
    assert given - told == set(settings())
    count = sum(parameter.numel() for parameter in metanet.parameters())
    said = inspect.getdoc(settings)
    assert f"{count:,}" in said
    if name in PAPERS:
        assert 0.7 < count / PAPERS[name] < 1.25
        assert f"{PAPERS[name]:,}" in said


def test_every_preset_is_on_the_list_under_its_name():
    functions = {name for name, made in inspect.getmembers(presets, inspect.isfunction)}
    assert functions == set(PRESETS)
    assert all(settings.__name__ == name for name, (_, settings) in PRESETS.items())
    assert {kind for kind, _ in PRESETS.values()} == set(METANETS)


def test_a_preset_is_a_copy():
    presets.unf()["width"] = 1
    assert presets.unf()["width"] == 32
