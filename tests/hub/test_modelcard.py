"""The card that is written for whatever is saved."""

from tests.graphs.spaces import SPACES
from weightspace.hub.modelcard import model_card
from weightspace.metanets import StatNet


def test_a_card_says_what_it_is_for_and_from():
    space, labels = SPACES["mlp"], {"labels": ("accuracy",), "label_mean": (0.5,), "label_std": (1.0,)}
    metanet = StatNet.for_spaces(space, width=8, domain={"data": {"name": "a|b"}}, **labels)
    text = model_card(metanet)
    parameters = sum(parameter.numel() for parameter in metanet.parameters())
    assert "Predicts accuracy of a network from its weights." in text
    assert f"| class | `StatNet`, {parameters:,} parameters |" in text
    assert f"| weight spaces | `{space.hash}` |" in text
    assert "| trained on nets of | {'name': 'a b'} |" in text  # a bar would end the cell
    assert "| classes |" not in text


def test_an_editor_changes_weights():
    text = model_card(StatNet.for_spaces(SPACES["mlp"], domain={"editing": {"edits": ["dilate"]}}))
    assert "Changes the weights of a network." in text
