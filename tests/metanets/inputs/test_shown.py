"""Neurons between two weights that are multiplied are no nodes; all others are."""

import pytest

from tests.metanets.cases import spaces
from weightspace.metanets.inputs.shown import check_nodes, neurons_without_node


def test_the_ranks_of_adapters_are_no_nodes():
    found = neurons_without_node(spaces()["net adapter"])
    assert found == {f"layers.{n}": f"layers.{n}.lora_A" for n in range(3)}
    with pytest.raises(ValueError, match=r"are none \(3 such names\): the net multiplies weights with weights"):
        check_nodes("SpaceNet", spaces()["net adapter"])


@pytest.mark.parametrize("name", [name for name in spaces() if name != "net adapter"])
def test_all_other_neurons_are(name):
    assert neurons_without_node(spaces()[name]) == {}
