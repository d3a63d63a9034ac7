"""Modules that can't be traced are refused in a sentence with the way out; wrappers are taken off."""

from functools import partial

import pytest
import torch
from torch import nn

from tests.space.layered import Code
from weightspace.space import WeightSpace

X = torch.randn(3, 5)


def plain():
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))


def refused(module, *args):
    with pytest.raises(ValueError) as caught:
        WeightSpace.trace(module, *args)
    return str(caught.value)


def with_list(hide):
    net = plain()
    net.extra = hide
    return net


def renaming():
    net = plain()
    net._register_state_dict_hook(lambda m, state, *_: {f"model.{key}": t for key, t in state.items()})
    return net


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (lambda: torch.jit.script(plain()), "is TorchScript, which hides its code. Trace the module"),
        (lambda: plain().to("meta"), r"no numbers on the meta device \(0.weight, 0.bias, 2.weight and 1 more\)"),
        (lambda: torch.ao.quantization.quantize_dynamic(plain(), {nn.Linear}), "is quantized"),
        (lambda: with_list([nn.Linear(5, 5)]), "extra of Sequential holds parameters that torch doesn't register"),
        (lambda: with_list(partial(torch.add, nn.Parameter(torch.ones(3)))), "nn.ParameterList or nn.ModuleList"),
        (renaming, "a hook renames or drops them"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_read_is_refused(module, says):
    with pytest.raises(ValueError, match=says):
        WeightSpace.trace(module(), X)


def test_a_wrong_input_is_told_as_such():
    text = refused(plain(), torch.ones(3, 4))
    assert "Sequential doesn't run on the example inputs" in text and "shapes cannot be multiplied" in text
    assert "torch.export" not in text and "<string>" not in text and "no line of yours" not in text


def test_a_missing_argument_names_the_line_that_lacks_it():
    net = Code(lambda m, x, y: m.a(x) + y, a=nn.Linear(5, 2))
    text = refused(net, X)
    assert "missing 1 required positional argument" in text and "layered.py:" in text


def test_data_dependent_code_is_refused_with_advice():
    net = Code(lambda m, x: m.b(m.a(x)[x[:, 0] > 0]), a=nn.Linear(5, 8), b=nn.Linear(8, 2))
    text = refused(net, X)
    assert "depend on the values of tensors" in text and "torch.where" in text


def test_wrappers_are_taken_off():
    space = WeightSpace.trace(nn.DataParallel(plain()), X)
    assert space == WeightSpace.trace(plain(), X)
    assert WeightSpace.trace(torch.compile(plain()), X) == space


def test_lazy_layers_take_their_sizes_from_the_example():
    net = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    space = WeightSpace.trace(net, X)
    assert space.free == ("h0",) and space.tensors["0.weight"].shape == (8, 5)
    assert isinstance(net[0].weight, nn.UninitializedParameter)


def test_a_list_of_registered_modules_is_no_reason():
    net = plain()
    net.again = [net[0]]
    assert WeightSpace.trace(net, X).free == ("h0",)


@pytest.mark.parametrize("train", [True, False])
def test_a_transformer_with_a_mask(train):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    net = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).train(train)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    outer = Code(lambda m, x: m.out(m.net(m.into(x), mask=mask)), into=nn.Linear(3, 8), net=net, out=nn.Linear(8, 2))
    space = WeightSpace.trace(outer.train(train), torch.randn(2, 5, 3))
    assert space.moved > 0.95 and space.report.sound and not space.report.failed
