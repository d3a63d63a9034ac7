"""Large files by way of Xet, as the Hub's client sends them where hf_xet is installed."""

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

from tests.hub.xet import Storage, chunk_places
from weightspace import Zoo, load_metanet
from weightspace.metanets import StatNet
from weightspace.nets import build_net, example_inputs
from weightspace.space import WeightSpace

pytest.importorskip("hf_xet")


@pytest.fixture
def xet(hub, monkeypatch):
    """The server with Xet, and a client that uses it."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    disable_progress_bars()
    hub.xet = Storage()
    yield hub
    enable_progress_bars()


@pytest.fixture(scope="module")
def metanet():
    net = build_net("mlp", in_features=4, hidden=[50], out_features=3)
    torch.manual_seed(0)
    return StatNet.for_spaces(WeightSpace.trace(net, *example_inputs(net)), outputs=1, width=256).eval()


def test_a_metanet_comes_back_bit_for_bit(xet, metanet, tmp_path):
    metanet.push_to_hub("me/net", license="mit")
    assert len(xet.xet.xorbs) == 1 and not xet.blobs  # nothing went the older way
    loaded = load_metanet("me/net").state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in metanet.state_dict().items())
    assert any(line.startswith("GET /xorb/") for line in xet.asked)


def test_a_zoo_comes_back_and_its_index_comes_first(xet, tiny_zoo):
    tiny_zoo.push_to_hub("me/tiny")
    zoo = Zoo("hf://datasets/me/tiny")
    assert zoo.table.equals(tiny_zoo.table)
    before = sum(line.startswith("GET /xorb/") for line in xet.asked)
    for ours, theirs in zip(tiny_zoo.by_space().values(), zoo.by_space().values(), strict=True):
        assert all(torch.equal(tensor, theirs.weights()[name]) for name, tensor in ours.weights().items())
    assert sum(line.startswith("GET /xorb/") for line in xet.asked) > before


def test_a_xorb_that_was_tampered_with_is_not_loaded(xet, metanet):
    metanet.push_to_hub("me/net", license="mit")
    for name, xorb in xet.xet.xorbs.items():
        end = chunk_places(xorb)[1]
        xet.xet.xorbs[name] = xorb[: end - 8] + bytes(8) + xorb[end:]
    with pytest.raises(
        ConnectionError, match=r"model.safetensors of me/net didn't arrive whole: the Hub names the SHA"
    ):
        load_metanet("me/net")
    assert any(line.startswith("GET /xorb/") for line in xet.asked)
    with pytest.raises(ConnectionError, match="didn't arrive whole"):  # it wasn't kept
        load_metanet("me/net")


def test_a_storage_that_refuses_the_token_is_no_lost_connection(xet, metanet):
    xet.storage_token = "another"
    with pytest.raises(PermissionError, match="The Hub doesn't let you write me/net"):
        metanet.push_to_hub("me/net", license="mit")


def test_a_server_without_xet_is_an_error_that_names_the_switch(xet, metanet):
    xet.xet = None
    with pytest.raises(ConnectionError, match=r"me/net can't be reached: .*HF_HUB_DISABLE_XET=1 uploads without Xet"):
        metanet.push_to_hub("me/net", license="mit")
