"""Small architectures without sequences: perceptrons, convolutions, norms, gates, code that moves entries around."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

Built = tuple[nn.Module, tuple[Tensor, ...]]


class Code(nn.Module):
    """Modules by name and a function of them: ``forward(*inputs)`` is ``function(parts, *inputs)``."""

    def __init__(self, function, **parts: nn.Module):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *inputs, **named):
        return self.function(self, *inputs, **named)


def mlp() -> Built:
    net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3))
    return net, (torch.randn(2, 4),)


def relu_mlp() -> Built:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), (torch.randn(2, 4),)


def siren() -> Built:
    def forward(m, x):
        return m.c(torch.sin(30 * m.b(torch.sin(30 * m.a(x)))))

    return Code(forward, a=nn.Linear(2, 8), b=nn.Linear(8, 8), c=nn.Linear(8, 1)), (torch.randn(5, 2),)


def lenet() -> Built:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(6 * 9, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    return net, (torch.randn(2, 1, 12, 12),)


def residual() -> Built:
    def forward(m, x):
        stream = F.relu(m.n0(m.stem(x)))
        inner = F.relu(m.n1(m.conv1(stream)))
        return m.head(F.relu(stream + m.n2(m.conv2(inner))).mean((2, 3)))

    parts = {"stem": nn.Conv2d(3, 8, 3, bias=False), "n0": nn.BatchNorm2d(8)}
    parts |= {"conv1": nn.Conv2d(8, 8, 3, padding=1, bias=False), "n1": nn.BatchNorm2d(8)}
    parts |= {"conv2": nn.Conv2d(8, 8, 3, padding=1, bias=False), "n2": nn.BatchNorm2d(8), "head": nn.Linear(8, 2)}
    return Code(forward, **parts), (torch.randn(2, 3, 8, 8),)


def grouped_transposed() -> Built:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 8, 4, stride=2, groups=2), nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8, dilation=2), nn.Conv2d(8, 2, 1),
    )  # fmt: skip
    return net, (torch.randn(2, 3, 8, 8),)


def one_and_three_dimensions() -> Built:
    def forward(m, x):
        return m.c(m.b(m.a(x).relu().reshape(len(x), 6, 2, 2, -1)).mean((2, 3, 4)))

    return Code(forward, a=nn.Conv1d(3, 6, 3), b=nn.Conv3d(6, 4, 2), c=nn.Linear(4, 2)), (torch.randn(2, 3, 10),)


def norms() -> Built:
    instance = nn.InstanceNorm2d(8, affine=True, track_running_stats=True)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3), instance, nn.ReLU(), nn.Flatten(),
        nn.Linear(8 * 16, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8), nn.RMSNorm(8), nn.Linear(8, 2),
    )  # fmt: skip
    return net, (torch.randn(2, 3, 8, 8),)


def batch_norms() -> Built:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Conv2d(8, 8, 3),
        nn.BatchNorm2d(8, track_running_stats=False), nn.Flatten(), nn.Linear(128, 2),
    )  # fmt: skip
    return net, (torch.randn(4, 3, 8, 8),)


def glu() -> Built:
    return Code(lambda m, x: m.o(F.glu(m.a(x))), a=nn.Linear(5, 16), o=nn.Linear(8, 2)), (torch.randn(2, 5),)


def swiglu() -> Built:
    def forward(m, x):
        gate, value = m.a(x).chunk(2, -1)
        return m.o(F.silu(gate) * value)

    return Code(forward, a=nn.Linear(5, 16), o=nn.Linear(8, 2)), (torch.randn(2, 5),)


def squeeze_excitation() -> Built:
    def forward(m, x):
        h = m.c(x)
        scale = torch.sigmoid(m.b(F.relu(m.a(h.mean((2, 3))))))
        return m.o((h * scale[:, :, None, None]).mean((2, 3)))

    parts = {"c": nn.Conv2d(3, 8, 3), "a": nn.Linear(8, 4), "b": nn.Linear(4, 8), "o": nn.Linear(8, 2)}
    return Code(forward, **parts), (torch.randn(2, 3, 6, 6),)


def dense() -> Built:
    def forward(m, x):
        a = F.relu(m.a(x))
        b = F.relu(m.b(a))
        both = torch.cat([a, b], 1)
        c = F.relu(m.c(m.n(both)))
        return m.o(torch.cat([both, c], 1).flatten(1))

    parts = {"a": nn.Conv2d(3, 4, 3), "b": nn.Conv2d(4, 5, 3, padding=1), "n": nn.BatchNorm2d(9)}
    return Code(forward, **parts, c=nn.Conv2d(9, 6, 1), o=nn.Linear(15 * 16, 2)), (torch.randn(2, 3, 6, 6),)


def multi_branch() -> Built:
    def forward(m, x):
        h = m.a(x).relu()
        return m.o(torch.stack([m.b(h), m.c(h)], 1).amax(1))

    parts = {"a": nn.Linear(5, 8), "b": nn.Linear(8, 8), "c": nn.Linear(8, 8), "o": nn.Linear(8, 2)}
    return Code(forward, **parts), (torch.randn(4, 5),)


def shuffles() -> Built:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1, groups=2), nn.ChannelShuffle(2),
        nn.Conv2d(8, 16, 1, groups=4), nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.Conv2d(16, 2, 1),
    )  # fmt: skip
    return net, (torch.randn(2, 3, 6, 6),)


def pooling_and_padding() -> Built:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.ReLU(), nn.ReflectionPad2d(1), nn.ConstantPad2d(1, 2.0),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Conv2d(8, 2, 1),
    )  # fmt: skip
    return net, (torch.randn(2, 3, 6, 6),)


def padded_channels() -> Built:
    def forward(m, x):
        a = m.a(x)
        return m.o(m.b(a).relu() + F.pad(a, (0, 0, 0, 0, 2, 2)))

    parts = {"a": nn.Conv2d(3, 4, 1), "b": nn.Conv2d(4, 8, 1), "o": nn.Conv2d(8, 2, 1)}
    return Code(forward, **parts), (torch.randn(2, 3, 6, 6),)


def patches() -> Built:
    def forward(m, x):
        return m.o(F.unfold(m.a(x), 3).transpose(1, 2))

    return Code(forward, a=nn.Conv2d(3, 4, 1), o=nn.Linear(36, 2)), (torch.randn(2, 3, 6, 6),)


class SoftMixture(nn.Module):
    """Experts that are all computed and weighted by a router."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(5, 4)
        self.w1, self.b1 = nn.Parameter(torch.randn(4, 8, 5)), nn.Parameter(torch.randn(4, 8))
        self.w2 = nn.Parameter(torch.randn(4, 2, 8))

    def forward(self, x):
        hidden = torch.einsum("bi,ehi->beh", x, self.w1) + self.b1
        each = torch.einsum("beh,eoh->beo", hidden.relu(), self.w2)
        return (each * self.router(x).softmax(-1)[..., None]).sum(1)


def soft_mixture() -> Built:
    return SoftMixture(), (torch.randn(3, 5),)


def weight_norm() -> Built:
    first, second = (parametrizations.weight_norm(nn.Linear(width, 8)) for width in (5, 8))
    return nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), nn.Linear(8, 2)), (torch.randn(2, 5),)


def spectral_norm() -> Built:
    first = parametrizations.spectral_norm(nn.Linear(5, 8))
    return nn.Sequential(first, nn.Tanh(), nn.Linear(8, 2)), (torch.randn(2, 5),)


def prelu() -> Built:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.PReLU(8), nn.Conv2d(8, 8, 1), nn.LeakyReLU(), nn.Conv2d(8, 2, 1)
    )  # fmt: skip
    return net, (torch.randn(2, 3, 6, 6),)


def bilinear() -> Built:
    def forward(m, x):
        return m.o(m.b(m.a(x), m.a(x)))

    return Code(forward, a=nn.Linear(5, 8), b=nn.Bilinear(8, 8, 6), o=nn.Linear(6, 2)), (torch.randn(3, 5),)


def written_in_place() -> Built:
    def forward(m, x):
        h = m.a(x)
        h[:, 0] += 1
        h[:, 2:4].mul_(2)
        return m.o(h.relu_())

    return Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), (torch.randn(2, 5),)


def fourier() -> Built:
    def forward(m, x):
        h = torch.fft.rfft(m.b(m.a(x).relu()), dim=0)
        return m.o(torch.fft.irfft(h, n=4, dim=0))

    return Code(forward, a=nn.Linear(5, 8), b=nn.Linear(8, 8), o=nn.Linear(8, 2)), (torch.randn(4, 5),)


def sorted_neurons() -> Built:
    def forward(m, x):
        return m.o(m.a(x).sort(-1)[0])

    return Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), (torch.randn(3, 5),)


def local_response() -> Built:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.LocalResponseNorm(3), nn.Conv2d(8, 2, 1))
    return net, (torch.randn(2, 3, 6, 6),)
