import torch

from weightspace.data import grid_coordinates
from weightspace.machine.compiler import load_native
from weightspace.nets import build_net
from weightspace.zoo.train.gradient import PlainGradient, fit_gradient
from weightspace.zoo.train.native.siren import SOURCE, NativeSirenGradient
from weightspace.zoo.train.siren_gradient import SirenGradient

POINTS = grid_coordinates((3, 3))


def test_the_fastest_way_that_fits_is_taken():
    quickest = NativeSirenGradient if load_native(SOURCE) else SirenGradient
    assert type(fit_gradient(build_net("siren"), POINTS)) is quickest
    assert type(fit_gradient(build_net("siren").double(), POINTS.double())) is SirenGradient
    assert type(fit_gradient(build_net("fourier"), POINTS)) is PlainGradient


def test_a_nets_own_buffers_are_used_unless_others_are_given():
    net = build_net("fourier", hidden=[3], features=2)
    other = {"frequencies": 2 * net.frequencies}
    row = torch.cat([p.detach().flatten() for p in net.parameters()]).unsqueeze(0)
    targets = net(POINTS).detach().T.unsqueeze(0)
    assert float(fit_gradient(net, POINTS).loss(row, targets)) < 1e-10
    assert float(fit_gradient(net, POINTS, other).loss(row, targets)) > 1e-6
