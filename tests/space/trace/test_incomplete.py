"""Symmetries that are easily lost: which kinds pass through code written in other ways, and names that nothing ties."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace

X = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def kinds(function, x=X):
    torch.manual_seed(0)
    net = Code(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(5, 8), b=nn.Linear(8, 2))
    space = WeightSpace.trace(net, x)
    assert space.report.sound and not space.report.failed and not space.report.lost
    assert space == WeightSpace.trace(net, x, verify=False)
    return {action.kind for action in space.actions}


def written(h):
    h = h.clone()
    h[h < 0] = 0
    return h


RELUS = {
    "mask": lambda h: h * (h > 0), "where": lambda h: torch.where(h > 0, h, 0.0),
    "leaky": lambda h: torch.where(h > 0, h, 0.1 * h),
    "masked_fill": lambda h: h.masked_fill(h < 0, 0.0), "written": written, "clamp": lambda h: h.clamp(max=0),
    "threshold": lambda h: F.threshold(h, 0.0, 0.0), "fmax": lambda h: torch.fmax(h, 0 * h),
    "lerp": lambda h: torch.lerp(h.relu(), h, 0.2), "heaviside": lambda h: h * torch.heaviside(h, torch.zeros(1)),
    "best of rows": lambda h: h.relu().max(0)[0], "hypot": lambda h: torch.hypot(h, h.relu()),
    "sorted rows": lambda h: h.sort(0)[0], "pooled": lambda h: F.adaptive_max_pool1d(h.t()[None], 2)[0].t(),
}  # fmt: skip


@pytest.mark.parametrize("name", RELUS)
def test_a_scale_passes(name):
    assert "scale" in kinds(RELUS[name])


ODD = {
    "hardtanh": F.hardtanh, "clamp": lambda h: h.clamp(-0.5, 0.5), "fmod": lambda h: h.fmod(0.3), "sinc": torch.sinc,
    "i0": torch.i0, "cosh": torch.cosh, "symlog": lambda h: h.sign() * h.abs().log1p(),
    "rms": lambda h: F.rms_norm(h, (8,)).tanh(), "instance": lambda h: F.instance_norm(h.t()[None])[0].t().tanh(),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_sign_passes(name):
    assert "sign" in kinds(ODD[name])  # of an even function it is lost on the way, which is a symmetry too


@pytest.mark.parametrize("function", [lambda h: h.clamp(-0.5, 0.4), lambda h: F.hardtanh(h, -1, 2), lambda h: h > 0.1])
def test_a_bound_that_is_none_lets_nothing_pass(function):
    assert kinds(lambda h: function(h).to(h)) == set()


def names(function, x, **parts):
    torch.manual_seed(0)
    space = WeightSpace.trace(Code(function, **parts), x)
    assert space.report.sound and not space.report.failed
    return space


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("both", [False, True])
def test_layers_read_by_their_last_state_stay_apart(kind, both):
    def forward(m, x):
        last = m.rnn(x)[1]
        last = last[0] if isinstance(last, tuple) else last
        return m.o(torch.cat([last[-2], last[-1]], -1) if both else last[-1])

    rnn = kind(5, 6, num_layers=3, bidirectional=both, batch_first=True)
    space = names(forward, torch.randn(2, 4, 5), rnn=rnn, o=nn.Linear(12 if both else 6, 2))
    assert len(space.free) == (6 if both else 3)


def test_last_states_that_are_read_together_are_tied():
    space = names(lambda m, x: m.o(m.rnn(x)[1].sum(0)), torch.randn(2, 4, 5), rnn=nn.GRU(5, 6, 2), o=nn.Linear(6, 2))
    assert len(space.free) == 1


def test_interleaved_gates_move_as_pairs():
    def forward(m, x):
        h = m.a(x)
        return m.o(h[..., ::2] * h[..., 1::2].sigmoid())

    space = names(forward, X, a=nn.Linear(5, 12), o=nn.Linear(6, 2))
    assert [space.names[name].size for name in space.free] == [6]
    assert str(space.tensors["a.weight"].axes[0]).endswith(" 2)")


def test_a_mixer_of_convolutions_of_width_one():
    def forward(m, x):
        h = m.into(x)
        h = h + m.up(m.down(h).relu())
        return m.o(h.mean(1))

    parts = {"down": nn.Conv1d(4, 9, 1), "up": nn.Conv1d(9, 4, 1)}
    space = names(forward, torch.randn(2, 4, 5), into=nn.Linear(5, 8), **parts, o=nn.Linear(8, 2))
    assert {"into", "down"} <= set(space.free)


def test_values_of_a_ranking_come_from_anywhere():
    space = names(lambda m, x: m.o(m.a(x).topk(3, -1)[0]), X, a=nn.Linear(5, 8), o=nn.Linear(3, 2))
    assert space.free == ("a",)

    def asked(function):
        def forward(m, x):
            h = function(m.a(x))
            return m.o(h.gather(1, h.topk(3, -1)[1]))

        return names(forward, X, a=nn.Linear(5, 8), o=nn.Linear(3, 2))

    assert asked(torch.tanh).free == ("a",)  # the places move with the neurons
    assert asked(torch.relu).free == ()  # of several zeros the first is taken


def test_a_place_that_is_an_index():
    def forward(m, x):
        chosen = m.route(x).max(-1)[1]
        return m.o(torch.einsum("bi,boi->bo", x, m.experts.weight.view(3, 8, 5)[chosen]).relu())

    parts = {"route": nn.Linear(5, 3), "experts": nn.Linear(5, 24), "o": nn.Linear(8, 2)}
    space = names(forward, X, **parts)
    assert sorted(space.names[name].size for name in space.free) == [3, 8]


class FourierLayer(nn.Module):
    """Complex weights on the lowest frequencies, as in Fourier neural operators."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width, 3, dtype=torch.cfloat))

    def forward(self, h):
        found = torch.fft.rfft(h, dim=-1)
        out = torch.zeros_like(found)
        out[:, :, :3] = torch.einsum("bix,iox->box", found[:, :, :3], self.weight)
        return torch.fft.irfft(out, n=h.shape[-1], dim=-1)


def test_a_fourier_neural_operator():
    def forward(m, x):
        h = m.lift(x)
        for layer, skip in ((m.f1, m.s1), (m.f2, m.s2)):
            h = torch.relu(layer(h) + skip(h))
        return m.o(h)

    parts = {"f1": FourierLayer(8), "f2": FourierLayer(8), "s1": nn.Conv1d(8, 8, 1), "s2": nn.Conv1d(8, 8, 1)}
    space = names(forward, torch.randn(2, 3, 8), lift=nn.Conv1d(3, 8, 1), **parts, o=nn.Conv1d(8, 2, 1))
    assert len(space.free) == 3 and space.moved > 0.95
    assert {action.kind for action in space.actions if action.name == "lift"} == {"scale", "sign"}


def test_rotary_attention_in_complex_form():
    def turn(h, angle):
        pairs = torch.view_as_complex(h.unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)

    def forward(m, x):
        angle = torch.arange(4.0)[:, None] * torch.tensor([1.0, 0.1])
        q, k, v = (part(x).unflatten(-1, (3, 4)).transpose(1, 2) for part in (m.q, m.k, m.v))
        return m.o(F.scaled_dot_product_attention(turn(q, angle), turn(k, angle), v).transpose(1, 2).flatten(2))

    parts = {name: nn.Linear(5, 12) for name in "qkv"}
    space = names(forward, torch.randn(2, 4, 5), **parts, o=nn.Linear(12, 2))
    assert {3, 4} <= {space.names[name].size for name in space.free}


def test_a_token_written_where_a_mask_says():
    def forward(m, x):
        h = m.a(x)
        h = h.clone()
        h[x[..., 0] > 0] = m.token.weight[0]
        return m.o(h.tanh())

    space = names(
        forward, torch.randn(2, 4, 5), a=nn.Linear(5, 8), token=nn.Linear(8, 1, bias=False), o=nn.Linear(8, 2)
    )
    assert space.free == ("a",)
