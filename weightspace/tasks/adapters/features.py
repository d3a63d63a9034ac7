"""What the readers of adapters see of them, a tensor for each way of looking."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.tasks.adapters.adapters import AdaptedLayer, Adapters

SMALLEST = 1e-6


def raw_factors(adapters: Adapters) -> Float[Tensor, "nets rank_and_one width"]:
    """The factors as they are: for each of the ranks the rows of ``A`` and columns of ``B`` of all layers side by side.

    DoRA's lengths stand in one more row, as they do in `canonical_factors`.
    """
    return _rows(adapters, [(layer.down, layer.up) for layer in adapters.layers])


def canonical_factors(adapters: Adapters) -> Float[Tensor, "nets rank_and_one width"]:
    """The same of the canonical member among all products with invertible matrices: singular vectors times roots of the
    singular values, the largest first, by two QR decompositions and one small singular value decomposition."""
    return _rows(adapters, [canonical(layer) for layer in adapters.layers])


def canonical(layer: AdaptedLayer) -> tuple[Float[Tensor, "nets rank in"], Float[Tensor, "nets out rank"]]:
    """The canonical ``A`` and ``B`` of a layer; the cubes of each column of ``B`` add up to something positive."""
    left, left_rest = torch.linalg.qr(layer.up.double())
    right, right_rest = torch.linalg.qr(layer.down.double().mT)
    u, sizes, v = torch.linalg.svd(left_rest @ right_rest.mT)
    up, down = left @ u * sizes.sqrt().unsqueeze(1), (right @ v.mT * sizes.sqrt().unsqueeze(1)).mT
    signs = torch.where(up.pow(3).sum(1) < 0, -1.0, 1.0).to(up)
    return (down * signs.unsqueeze(2)).to(layer.down), (up * signs.unsqueeze(1)).to(layer.up)


def spectra(adapters: Adapters) -> Float[Tensor, "nets values"]:
    """Logarithms of the singular values of each layer's ``B A``, and of the sizes of DoRA's lengths."""
    found = [_singular_values(layer).clamp(min=SMALLEST).log() for layer in adapters.layers]
    lengths = torch.stack([layer.lengths.norm(dim=1).clamp(min=SMALLEST).log() for layer in adapters.layers], 1)
    return torch.cat([*found, lengths], 1)


def update_statistics(adapters: Adapters) -> Float[Tensor, "nets statistics"]:
    """Five numbers of each layer's ``B A``: largest singular value, Frobenius norm, share of the energy in the largest,
    entropy of the energies, kurtosis of the entries. After Puertolas Merenciano et al. 2026, "Weight space detection of
    backdoors in LoRA adapters", who read four matrices of a layer and so get twenty."""
    return torch.cat([_statistics(layer) for layer in adapters.layers], 1)


def _statistics(layer: AdaptedLayer) -> Float[Tensor, "nets 5"]:
    values, entries = _singular_values(layer), (layer.up @ layer.down).flatten(1)
    energy = values.square() / values.square().sum(1, keepdim=True).clamp(min=SMALLEST**2)
    entropy = -(energy * energy.clamp(min=SMALLEST).log()).sum(1)
    centred = entries - entries.mean(1, keepdim=True)
    kurtosis = centred.pow(4).mean(1) / centred.square().mean(1).square().clamp(min=SMALLEST**4)
    return torch.stack([values[:, 0], values.norm(dim=1), energy[:, 0], entropy, kurtosis], 1)


def _singular_values(layer: AdaptedLayer) -> Float[Tensor, "nets rank"]:
    left, right = torch.linalg.qr(layer.up.double()).R, torch.linalg.qr(layer.down.double().mT).R
    return torch.linalg.svdvals(left @ right.mT).to(layer.up)


def _rows(adapters: Adapters, factors: list[tuple[Tensor, Tensor]]) -> Tensor:
    whole = torch.cat([part for down, up in factors for part in (down, up.mT)], 2)
    lengths = torch.cat([layer.lengths for layer in adapters.layers], 1).unsqueeze(1)
    return torch.cat([whole, torch.nn.functional.pad(lengths, (0, whole.shape[2] - lengths.shape[2]))], 1)
