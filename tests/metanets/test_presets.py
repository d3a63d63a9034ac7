"""Presets make metanets."""

from dataclasses import fields

import pytest

from tests.graphs.spaces import SPACES
from weightspace.metanets import METANETS, PRESETS, preset


@pytest.mark.parametrize(("metanet", "name"), [(kind, name) for kind, names in PRESETS.items() for name in names])
def test_every_preset_makes_a_metanet(metanet, name):
    made = METANETS[metanet].for_spaces(SPACES["mlp"], **preset(metanet, name))
    assert {field.name for field in fields(made.config)} >= set(PRESETS[metanet][name])


def test_a_preset_is_a_copy():
    preset("UNF", "paper")["width"] = 1
    assert PRESETS["UNF"]["paper"]["width"] == 32


def test_unknown_presets_list_the_known():
    with pytest.raises(ValueError, match="no preset 'large' of 'UNF'; known are SpaceNet: small"):
        preset("UNF", "large")
