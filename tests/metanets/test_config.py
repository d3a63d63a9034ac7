"""Configurations of metanets: what they refuse."""

import pytest

from tests.graphs.spaces import SPACES
from weightspace.metanets import GraphMetanet, GraphNetConfig, MetanetConfig, SpaceNet, StatNet, UNFConfig


def test_configurations_refuse_what_they_do_not_know():
    space = SPACES["mlp"]
    with pytest.raises(ValueError, match="head must be one of graph, weights, neurons, got 'edges'"):
        MetanetConfig(spaces=(space,), head="edges")
    with pytest.raises(ValueError, match="spaces must hold one weight space at least"):
        MetanetConfig()
    with pytest.raises(ValueError, match="width must be 1 or more, got 0"):
        GraphNetConfig(spaces=(space,), width=0)
    with pytest.raises(ValueError, match="Each label needs a mean and a std, got 1 labels, 0 and 0"):
        MetanetConfig(spaces=(space,), labels=("x",))


def test_a_metanet_takes_its_own_configuration_only():
    config = UNFConfig(spaces=(SPACES["mlp"],))
    with pytest.raises(TypeError, match="UNFConfig"):
        GraphMetanet(config)
    with pytest.raises(ValueError, match="StatNet has the heads graph, got 'weights'"):
        StatNet.for_spaces(SPACES["mlp"], head="weights")
    with pytest.raises(ValueError, match="gates must divide the width, got 3 gates and the width 8"):
        SpaceNet.for_spaces(SPACES["mlp"], width=8, gates=3)
