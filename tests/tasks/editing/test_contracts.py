"""The contracts that every editor keeps, over all metanets with a head for weights, the default one included."""

from functools import lru_cache

import pytest
import torch

from tests.graphs.spaces import random_weights
from tests.metanets.cases import BLOCKS, SMALL
from weightspace.inr import Convention
from weightspace.metanets import METANETS, load_metanet
from weightspace.nets import Architecture, build_net
from weightspace.space import WeightSpace
from weightspace.space.channels import with_channels
from weightspace.tasks.editing.editor import Editor, make_editor
from weightspace.tasks.editing.editsettings import EditSettings
from weightspace.testing import equivariance_error, randomized

EDITORS = [name for name, kind in METANETS.items() if "weights" in kind.heads]

READS_GRADIENTS = [name for name in EDITORS if name != "DWSNet"]
"""`DWSNet` takes one number for each weight, and a gradient is another."""


@lru_cache
def settings(gradients: bool) -> EditSettings:
    """For SIRENs 2-6-5-1 on 4x4 points."""
    net = build_net("siren", hidden=[6, 5]).eval()
    space = WeightSpace.trace(net, *net.example_inputs())
    convention = Convention(Architecture.of(net), (4, 4), "corners")
    sizes = {key: dict.fromkeys(space.tensors, size) for key, size in (("weight_sizes", 0.5), ("gradient_sizes", 0.1))}
    return EditSettings(("dilate",), space, convention, gradients=gradients, **sizes)


def untrained(name: str, gradients: bool = True) -> Editor:
    """An editor as it is before training; one that reads gradients, if it can."""
    told = settings(gradients and name in READS_GRADIENTS)
    return make_editor(METANETS[name], told, **SMALL.get(name, {"width": 8, "layers": 2}))


def editor(name: str, gradients: bool = True) -> Editor:
    """The same in float64, every parameter of its metanet drawn at random."""
    own = untrained(name, gradients)
    own.metanet = randomized(own.metanet)
    return own


def nets(count: int = 3) -> dict[str, torch.Tensor]:
    drawn = random_weights(settings(True).space, nets=count, dtype=torch.float64)
    return {key: tensor / 30 for key, tensor in drawn.items()}  # a sine is taken of 30 times what arrives


def kinds(name: str) -> list[str]:
    """The symmetries of a SIREN that a metanet keeps."""
    return [kind for kind in editor(name).metanet.symmetries if kind != "scale"]


def test_the_default_metanet_is_an_editor():
    assert "SpaceNet" in EDITORS
    assert len(EDITORS) == 8


def test_one_that_reads_one_number_a_weight_says_which_reads_more():
    with pytest.raises(ValueError, match=r"DWSNet takes perceptrons only.* Take UNF or GraphMetanet"):
        make_editor(METANETS["DWSNet"], settings(True))


@pytest.mark.parametrize(
    ("name", "gradients"), [*((name, False) for name in EDITORS), *((name, True) for name in READS_GRADIENTS)]
)
def test_edits_move_as_the_neurons_move(name, gradients):
    own = editor(name, gradients)
    for kind in kinds(name):
        assert equivariance_error(lambda w: own.edit(w)[0], own.space, nets(), kinds=[kind], samples=2) < 1e-9, kind


@pytest.mark.parametrize("name", EDITORS)
def test_what_moves_otherwise_is_found(name):
    own = editor(name)

    def faulty(weights):
        edited = own.edit(weights)[0]
        edited["linears.0.bias"][:, 0] += 0.01  # the first neuron alone
        return edited

    assert equivariance_error(faulty, own.space, nets(), samples=2) > 1e-4


@pytest.mark.parametrize("name", EDITORS)
def test_every_tensor_is_changed(name):
    weights = nets()
    edited = editor(name).edit(weights)[0]
    assert all(bool((edited[key] != tensor).flatten(1).any(1).all()) for key, tensor in weights.items())


@pytest.mark.parametrize("name", BLOCKS)
def test_dense_blocks_and_edge_lists_edit_alike(name):
    own, weights = editor(name), nets()
    dense = own.edit(weights)[0]
    own.metanet.dense = False
    torch.testing.assert_close(own.edit(weights)[0], dense, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", EDITORS)
def test_one_net_is_edited_as_in_a_stack(name):
    own, weights = editor(name), nets()
    together = own.edit(weights)[0]
    alone = own.edit({key: tensor[1] for key, tensor in weights.items()})[0]
    torch.testing.assert_close(alone, {key: tensor[1] for key, tensor in together.items()}, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", EDITORS)
def test_saved_and_loaded_it_edits_the_same(name, tmp_path):
    own = untrained(name)
    weights = {key: tensor.float() for key, tensor in nets().items()}
    wide = with_channels(own.space, own.settings.channels)
    own.metanet.fit_statistics({wide: random_weights(wide, nets=3)}).eval().save_pretrained(tmp_path)
    again = Editor(load_metanet(tmp_path))
    assert again.settings == own.settings
    before, after = own.edit(weights)[0], again.edit(weights)[0]
    assert all(torch.equal(before[key], after[key]) for key in weights)
