"""Modules that can't be traced are refused in a sentence with the way out; wrappers are taken off."""

from functools import partial

import pytest
import torch
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.trace.admit import admit

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


def with_closure(hidden):
    return with_list(lambda x: x + hidden)


def rounding():
    net = plain().train()
    net.qconfig = torch.ao.quantization.get_default_qat_qconfig("x86")
    return torch.ao.quantization.prepare_qat(net)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (lambda: torch.jit.script(plain()), "is TorchScript, which hides its code. Trace the module"),
        (lambda: plain().to("meta"), r"no numbers on the meta device \(0.weight, 0.bias, 2.weight and 1 more\)"),
        (lambda: torch.ao.quantization.quantize_dynamic(plain(), {nn.Linear}), "is quantized"),
        (lambda: with_list([nn.Linear(5, 5)]), "extra of Sequential holds parameters that torch doesn't register"),
        (lambda: with_list(partial(torch.add, nn.Parameter(torch.ones(3)))), "nn.ParameterList or nn.ModuleList"),
        (renaming, "a hook renames or drops them"),
        (lambda: with_closure(nn.Parameter(torch.ones(3))), "extra of Sequential holds parameters"),
        (lambda: with_list(torch.ones(3, requires_grad=True)), "extra of Sequential holds parameters"),
        (lambda: nn.Sequential(torch.jit.script(nn.Linear(5, 8)), nn.ReLU()), "0 of Sequential is TorchScript"),
        (rounding, "0.weight_fake_quant of Sequential rounds to the steps of a quantization"),
        (lambda: Code(lambda m, x: 3, a=nn.Linear(5, 2)), r"Code gives no tensor \(int\)"),
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
    class Chooses(Code):
        def forward(self, x):
            return self.b(self.a(x)[x[:, 0] > 0])

    text = refused(Chooses(None, a=nn.Linear(5, 8), b=nn.Linear(8, 2)), X)
    assert "Chooses can't be traced, because the size of what index, at `return self.b(self.a(x)[x[:, 0] > 0])`" in text
    assert "depends on the values of tensors" in text and "torch.where" in text


def test_rows_of_different_lengths_are_refused_with_advice():
    text = refused(Code(lambda m, x: m.a(torch.nested.nested_tensor([x, x[:2]])), a=nn.Linear(5, 2)), X)
    assert "Trace the module on padded rows with a mask" in text


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


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((torch.ones(3, 5, device="meta"),), "no numbers on the meta device"),
        ((torch.ones(0, 5),), r"no entries \(sizes \[\[0, 5\]\]\)"),
    ],
)
def test_an_example_that_shows_nothing_is_refused(args, says):
    with pytest.raises(ValueError, match=says):
        WeightSpace.trace(plain(), *args)


def test_a_function_is_no_module():
    with pytest.raises(TypeError, match="is traced from a torch module, got function"):
        admit(lambda x: x, (X,), {})


def packed(m, x):
    sequence = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([4, 2]), batch_first=True)
    return m.o(m.r(sequence)[1][-1])


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (packed, "Trace the module on padded sequences, without packing"),
        (lambda m, x: torch.func.grad(lambda y: m.o(m.a(y)).sum())(x), "Trace what is differentiated instead"),
        (lambda m, x: m.o(m.a(x))[x[:, 0, 0].nonzero()[:, 0]], "Use torch.where or multiply with the mask"),
        (lambda m, x: m.o(m.a(x)) if x.sum().item() > 0 else m.o(m.a(x).relu()), "Use torch.where"),
    ],
)
def test_what_export_refuses_is_told_with_the_way_out(function, says):
    net = Code(function, a=nn.Linear(5, 6), r=nn.GRU(5, 6, batch_first=True), o=nn.Linear(6, 2))
    text = refused(net, torch.randn(2, 4, 5))
    assert says in text and "<string>" not in text


def test_code_that_does_not_run_in_float64_is_told():
    net = Code(lambda m, x: m.o(m.a(x).view(torch.int32).float()), a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    assert "Code doesn't run in float64, in which symmetries are proved" in refused(net, X)
    assert WeightSpace.trace(net, X, verify=False).report.error is None


def test_tensors_that_code_holds_outside_its_module_take_part_in_float64():
    shift = torch.ones(8)
    net = Code(lambda m, x: m.o(m.a(x) * torch.heaviside(m.a(x), shift)), a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    assert WeightSpace.trace(net, X).report.sound


def test_an_attribute_that_the_code_sets_keeps_no_tensor_of_tracing():
    def forward(m, x):
        m.last = m.a(x).relu()
        m.a.seen = [m.last]
        return m.o(m.last)

    net = Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    assert WeightSpace.trace(net, X).free == ("a",)
    assert not hasattr(net, "last") and not hasattr(net.a, "seen")


def test_a_module_without_parameters_has_an_empty_space():
    space = WeightSpace.trace(nn.ReLU(), X)
    assert space.free == () and not space.tensors and space.moved == 0


def test_one_of_two_blocks_of_code():
    def forward(m, x):
        h = m.a(x)
        return torch.cond(x.sum() > 0, lambda y: m.o(y.relu()), lambda y: m.o(y.relu() * 2), (h,))

    space = WeightSpace.trace(Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), X)
    assert space.free == ("a",) and space.names["a"].kinds == ("permutation", "scale") and not space.report.lost


def test_outputs_of_yes_and_no_are_compared():
    net = Code(lambda m, x: m.o(m.a(x).relu()) > 0, a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    space = WeightSpace.trace(net, X)
    assert space.free == ("a",) and space.report.change > 0
