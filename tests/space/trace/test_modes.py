"""What holds in training as in evaluation, and what holds in one of them alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.architectures import BY_NAME
from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation.probe import Probe
from weightspace.space.parts import KINDS

X = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


def normed(m, x):
    return m.o(F.relu(m.n(m.a(x))))


def batch_normed(**settings):
    torch.manual_seed(0)
    return Code(normed, a=nn.Linear(5, 8), n=nn.BatchNorm1d(8, **settings), o=nn.Linear(8, 2))


def kinds(space, mode=None):
    actions = space.actions if mode is None else [action for action in space.modal if action.mode == mode]
    return sorted((action.name, action.kind) for action in actions)


def test_a_factor_before_a_batch_norm_holds_in_evaluation_only():
    space = WeightSpace.trace(batch_normed().eval(), X)
    assert kinds(space) == [("a", "scale")]
    assert kinds(space, "eval") == [("a", "scale"), ("a", "sign")] and kinds(space, "train") == []
    scaled = {name for action in space.actions if action.kind == "scale" for name in action.powers}
    assert scaled == {"n.weight", "n.bias", "o.weight"}


@pytest.mark.parametrize("settings", [{}, {"affine": False}])
def test_a_space_is_the_same_in_both_modes(settings):
    net = batch_normed(**settings)
    assert WeightSpace.trace(net.train(), X) == WeightSpace.trace(net.eval(), X)


@pytest.mark.parametrize("settings", [{}, {"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("traced_in", ["train", "eval"])
def test_what_is_traced_in_one_mode_holds_in_the_other(settings, traced_in):
    net = batch_normed(**settings).train(traced_in == "train")
    space = WeightSpace.trace(net, X, verify=False)
    for mode in ("train", "eval"):
        probe = Probe(net.train(mode == "train"), (X,), {}, others=False)
        wider, generator = space.in_mode(mode), torch.Generator().manual_seed(1)
        assert probe.error(wider, wider.random_symmetry(generator, KINDS)) < 1e-9


def test_a_moved_net_can_be_trained_on():
    """After steps of training the moved net still computes what the other one does."""
    torch.manual_seed(0)
    net = batch_normed().double().train()
    space = WeightSpace.trace(net, X.double())
    symmetry = space.random_symmetry(torch.Generator().manual_seed(1), ("permutation", "sign"))
    moved = batch_normed().double().train()
    moved.load_state_dict(space.apply(symmetry, net.state_dict()))
    for one in (net, moved):
        optimizer = torch.optim.SGD(one.parameters(), 0.1)
        for _ in range(5):
            optimizer.zero_grad()
            one(X.double()).square().mean().backward()
            optimizer.step()
        one.eval()
    assert (net(X.double()) - moved(X.double())).abs().max() < 1e-9


def test_verifying_finds_the_mode_of_what_code_does_on_its_own():
    """Divided by a stored number in evaluation, by a computed one in training: no rule knows."""

    def forward(m, x):
        h = m.a(x)
        if m.training:
            h = h / (h.abs().mean(0, keepdim=True) + 1)
        return m.o(F.relu(h))

    net = Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    space = WeightSpace.trace(net.eval(), X)
    assert kinds(space) == [] and kinds(space, "eval") == [("a", "scale")] and space.free == ("a",)
    assert space.report.sound and not space.report.failed


def test_an_auxiliary_head_that_only_training_runs_is_read_there():
    def forward(m, x):
        h = m.a(x).relu()
        return (m.o(h), m.head(m.aux(h).relu())) if m.training else m.o(h)

    net = Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2), aux=nn.Linear(8, 6), head=nn.Linear(6, 2))
    bare = WeightSpace.trace(net.eval(), X, verify=False)
    assert "a" in bare.verify(net, X).failed  # aux reads it too, which evaluation doesn't show
    for mode in (True, False):
        space = WeightSpace.trace(net.train(mode), X)
        assert set(space.free) == {"a", "aux"} and space.report.sound and not space.report.failed
        assert net.training == mode


def test_heads_for_training_are_read_on_two_samples_where_the_example_has_one():
    def forward(m, x):
        h = m.a(x).relu()
        return (m.o(h), m.head(m.n(h))) if m.training else m.o(h)

    net = Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2), n=nn.BatchNorm1d(8), head=nn.Linear(8, 2))
    space = WeightSpace.trace(net.eval(), X[:1])
    assert space.free == ("a",) and space.report.sound and not space.report.failed


def test_code_that_neither_mode_shows_whole_is_fixed():
    def forward(m, x):
        h = m.a(x).relu()
        return m.o(h) if m.training else m.head(h)

    net = Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2), head=nn.Linear(8, 2))
    for mode in (True, False):
        space = WeightSpace.trace(net.train(mode), X)
        assert space.free == () and space.report.failed and space.report.sound


@pytest.mark.parametrize("name", ["residual", "batch_norms.train", "spectral_norm", "norms"])
def test_cases_cover_both_modes(name):
    module, args = BY_NAME[name].make()
    report = WeightSpace.trace(module, *args).report
    assert {case.split(", ")[1] for case in report.cases} == {"train", "eval"}


def test_a_mode_that_cannot_be_run_is_noted():
    net = Code(lambda m, x: m.o(m.a(x)) if not m.training else m.missing(x), a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    report = WeightSpace.trace(net.eval(), X).report
    assert len(report.notes) == 1 and "not proved in mode train" in report.notes[0]
