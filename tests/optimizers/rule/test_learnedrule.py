"""The rule of one weight: against a plain rewriting tensor by tensor, what it commutes with, and files of Celo2."""

import pytest
import torch
from torch import nn

from weightspace.optimizers import LearnedRule, RuleConfig, read_celo2
from weightspace.optimizers.rule.learnedrule import BLOCKS
from weightspace.optimizers.rule.packing import Packing, factored_axes
from weightspace.optimizers.rule.rulestate import (
    FACTORED_DECAYS,
    FEATURES,
    MOMENTUM_DECAYS,
    SQUARE_DECAY,
    RuleState,
    features,
)

SHAPES = ((4, 3), (5,), (2, 3, 4, 6), (1, 1))


def history(seed=0, steps=3):
    """Weights of a few tensors and their gradients over some steps."""
    g = torch.Generator().manual_seed(seed)
    draw = lambda: [torch.randn(shape, dtype=torch.float64, generator=g) for shape in SHAPES]  # noqa: E731
    return draw(), [draw() for _ in range(steps)]


def packed(weights, gradients, epsilon=1.0):
    packing = Packing(SHAPES)
    state = RuleState.zeros(packing, packing.pack(weights))
    for gradient in gradients:
        state.update(packing.pack(gradient), packing)
    found = features(state, packing.pack(weights), packing.pack(gradients[-1]), packing, epsilon)
    return packing, state, found


def plain(weight, gradients, epsilon):
    """The 30 inputs of one tensor as the paper lists them, written out."""
    momenta = [torch.zeros_like(weight) for _ in MOMENTUM_DECAYS]
    square, fulls = torch.zeros_like(weight), [torch.zeros_like(weight) for _ in FACTORED_DECAYS]
    for g in gradients:
        momenta = [d * m + (1 - d) * g for d, m in zip(MOMENTUM_DECAYS, momenta, strict=True)]
        square = SQUARE_DECAY * square + (1 - SQUARE_DECAY) * g**2
        fulls = [d * v + (1 - d) * (g**2 + 1e-30) for d, v in zip(FACTORED_DECAYS, fulls, strict=True)]
    root, axes, e = (square + 1e-6 * epsilon) ** -0.5, factored_axes(weight.shape), 1e-9 * epsilon
    if axes is None:
        rows = columns = fulls
        factors = [v.clamp_min(e) ** -0.5 for v in fulls]
    else:
        rows = [v.mean(axes[0], keepdim=True) for v in fulls]
        columns = [v.mean(axes[1], keepdim=True) for v in fulls]
        factors = [
            (r / (r.mean(axes[1], keepdim=True) + e)).clamp_min(e) ** -0.5 * c.clamp_min(e) ** -0.5
            for r, c in zip(rows, columns, strict=True)
        ]
    inverse = [(v + 1e-8 * epsilon) ** -0.5 for v in (*rows, *columns)]
    last = gradients[-1]
    found = [last, last.clamp(-0.1, 0.1), weight, *momenta, square, *[m * root for m in momenta], root]
    found += [*[last * f for f in factors], last * root, *rows, *columns, *inverse]
    found += [m * f for m, f in zip(momenta, factors, strict=True)]
    return torch.stack([each.expand_as(weight) for each in found])


@pytest.mark.parametrize("epsilon", [1.0, 1e-24])
def test_the_inputs_are_those_of_the_papers(epsilon):
    weights, gradients = history()
    packing, _, found = packed(weights, gradients, epsilon)
    assert found.shape[0] == FEATURES
    for i, tensor in enumerate(packing.shaped(found)):
        wanted = plain(weights[i], [step[i] for step in gradients], epsilon)
        torch.testing.assert_close(tensor, wanted, rtol=1e-9, atol=1e-12)


def test_directions_are_a_perceptron_on_inputs_of_unit_size():
    weights, gradients = history()
    packing, state, found = packed(weights, gradients)
    rule = LearnedRule(RuleConfig(epsilon=1.0)).double()
    ways = rule(state, packing.pack(weights), packing.pack(gradients[-1]), packing)
    net = nn.Sequential(rule.layers[0], nn.ReLU(), rule.layers[1], nn.ReLU(), rule.layers[2])
    for tensor, way in zip(packing.shaped(found), packing.shaped(ways), strict=True):
        inputs = tensor.flatten(1)
        inputs = inputs / (inputs.square().mean(1, keepdim=True) + 1e-5).sqrt()
        wanted = net(inputs.T)[:, 0]
        torch.testing.assert_close(way.flatten(), wanted / wanted.square().mean().sqrt())
        assert float(way.square().mean()) == pytest.approx(1)


def test_many_nets_in_rows_give_what_each_gives_alone():
    rule = LearnedRule(RuleConfig()).double()
    runs = [history(seed) for seed in range(3)]
    packing = Packing(SHAPES)
    rows = torch.stack([packing.pack(weights) for weights, _ in runs])
    state = RuleState.zeros(packing, rows)
    for step in range(3):
        gradient = torch.stack([packing.pack(gradients[step]) for _, gradients in runs])
        state.update(gradient, packing)
    together = rule(state, rows, gradient, packing)
    for row, (weights, gradients) in zip(together, runs, strict=True):
        _, alone, _ = packed(weights, gradients)
        torch.testing.assert_close(row, rule(alone, packing.pack(weights), packing.pack(gradients[-1]), packing))


def test_permuted_neurons_go_the_permuted_way():
    rule, (weights, gradients) = LearnedRule(RuleConfig()).double(), history()
    order = torch.randperm(4, generator=torch.Generator().manual_seed(1))
    moved = [weights[0][order], *weights[1:]], [[step[0][order], *step[1:]] for step in gradients]
    ways = []
    for w, g in ((weights, gradients), moved):
        packing, state, _ = packed(w, g)
        ways.append(packing.shaped(rule(state, packing.pack(w), packing.pack(g[-1]), packing))[0])
    torch.testing.assert_close(ways[0][order], ways[1])
    assert not torch.allclose(ways[0], ways[1])


def test_the_size_of_the_loss_hardly_matters():
    rule, (weights, gradients) = LearnedRule(RuleConfig()).double(), history()
    small = [[1e-2 * g.clamp(-9, 9) for g in step] for step in gradients]
    smaller = [[1e-3 * g for g in step] for step in small]
    ways = []
    for steps in (small, smaller):
        packing, state, _ = packed(weights, steps, RuleConfig().epsilon)
        ways.append(rule(state, packing.pack(weights), packing.pack(steps[-1]), packing))
    torch.testing.assert_close(*ways, rtol=1e-4, atol=1e-4)


def celo2_file(path, sizes=BLOCKS, kind="float32", key="ff_mod_stack"):
    """A file of the published layout with random numbers, and the perceptron in it."""
    msgpack = pytest.importorskip("msgpack")
    g = torch.Generator().manual_seed(3)
    tensors = {f"w0__{i}": torch.randn(size, 8, generator=g) for i, size in enumerate(sizes)}
    tensors |= {"w1": torch.randn(8, 8, generator=g), "w2": torch.randn(8, 3, generator=g)}
    tensors |= {name: torch.randn(size, generator=g) for name, size in (("b0", 8), ("b1", 8), ("b2", 3))}
    packed = {
        name: msgpack.ExtType(1, msgpack.packb((list(t.shape), kind, t.numpy().tobytes())))
        for name, t in tensors.items()
    }
    path.write_bytes(msgpack.packb({key: packed}))
    return tensors


def test_a_published_file_is_read(tmp_path):
    tensors = celo2_file(tmp_path / "theta.state")
    rule = read_celo2(tmp_path / "theta.state")
    x = torch.randn(5, FEATURES)
    first = torch.cat([tensors[f"w0__{i}"] for i in range(len(BLOCKS))])
    hidden = (((x @ first + tensors["b0"]).relu()) @ tensors["w1"] + tensors["b1"]).relu()
    wanted = (hidden @ tensors["w2"] + tensors["b2"])[:, 0]
    net = nn.Sequential(rule.layers[0], nn.ReLU(), rule.layers[1], nn.ReLU(), rule.layers[2])
    torch.testing.assert_close(net(x)[:, 0], wanted)
    assert rule.config.epsilon == 1.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"sizes": BLOCKS[:-1]}, "w0__13 must be"), ({"kind": "float64"}, "float32"), ({"key": "other"}, "ff_mod_stack")],
)
def test_a_file_of_another_layout_is_refused(tmp_path, wrong, says):
    celo2_file(tmp_path / "theta.state", **wrong)
    with pytest.raises(ValueError, match=says):
        read_celo2(tmp_path / "theta.state")


def test_a_pickle_is_never_opened(tmp_path):
    pytest.importorskip("msgpack")
    (tmp_path / "theta.state").write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.")
    with pytest.raises(ValueError, match=r"theta\.state"):
        read_celo2(tmp_path / "theta.state")


def test_it_is_saved_and_loaded(tmp_path):
    rule = LearnedRule(RuleConfig(hidden=5, domain={"meta-training": "none"}))
    rule.save_pretrained(tmp_path / "rule")
    again = LearnedRule.from_pretrained(tmp_path / "rule")
    assert again.config == rule.config
    assert all((a == b).all() for a, b in zip(again.state_dict().values(), rule.state_dict().values(), strict=True))


def test_its_card_says_how_it_is_used(tmp_path):
    LearnedRule(RuleConfig()).save_pretrained(tmp_path / "rule")
    card = (tmp_path / "rule" / "README.md").read_text(encoding="utf-8")
    assert "An update rule" in card and "LearnedOptimizer.from_pretrained(" in card and "load_metanet" not in card
