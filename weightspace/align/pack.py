"""Compact storage: a fine-tuned net as what is left of its difference to its base."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

_FORMAT = "weightspace pack 1"
_BITS = (0, 1, 2, 3, 4, 6, 8)  # of what low rank leaves
_HEADER = 100  # bytes that the file says about a tensor
_PLAIN_BELOW = 256  # entries; smaller tensors are kept as half-precision differences


@dataclass(frozen=True)
class Packed:
    """What packing did: bytes of the child's weights and of the file, and the relative error of the child's weights."""

    child_bytes: int
    packed_bytes: int
    error: float

    @property
    def ratio(self) -> float:
        """How many times smaller the file is."""
        return self.child_bytes / max(1, self.packed_bytes)


def pack(child: Mapping[str, Tensor], base: Mapping[str, Tensor], path: str | Path, ratio: float | int = 8) -> Packed:
    """Store ``child`` as its difference to ``base``, a low-rank part in int8 and few bits for each entry of the rest.

    Every matrix gets its share of the size; rank and bits are those with the smallest squared error within it.

    Args:
        ratio: how many times smaller than the child's own tensors the file is to be.

    Returns:
        Sizes and error as measured on what `unpack` gives back.

    Raises:
        ValueError: the two have different tensors, hold NaN, or ``ratio`` isn't above 1.
    """
    if not ratio > 1:
        raise ValueError(f"ratio must be above 1, got {ratio}.")
    _check(child, base)
    child, base = ({name: tensor.cpu() for name, tensor in net.items()} for net in (child, base))
    tensors: dict[str, Tensor] = {}
    share = _share(child, ratio)
    for name, tensor in child.items():
        if not tensor.is_floating_point():
            tensors[f"{name}|exact"] = tensor.contiguous()
        elif _plain(tensor):
            tensors[f"{name}|half"] = (tensor.float() - base[name].float()).half().contiguous()
        else:
            budget = tensor.numel() * tensor.element_size() * share
            tensors |= {f"{name}|{key}": part for key, part in _compressed(tensor, base[name], budget).items()}
    shapes = {name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for name, tensor in child.items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"format": _FORMAT, "base": fingerprint(base), "tensors": json.dumps(shapes)})
    again = unpack(path, base)
    real = [name for name, tensor in child.items() if tensor.is_floating_point()]
    gap = sum(float((child[n].double() - again[n].double()).square().sum()) for n in real)
    size = sum(float(child[n].double().square().sum()) for n in real)
    return Packed(_bytes(child), path.stat().st_size, math.sqrt(gap / max(size, 1e-300)))


def unpack(path: str | Path, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The net that `pack` stored, where the base lies.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it isn't a packed net, or ``base`` isn't the net that it was packed against.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no packed net {path}.")
    with safe_open(path, framework="pt") as file:
        about = dict(file.metadata() or {})
        if about.get("format") != _FORMAT:
            raise ValueError(f"{path} isn't a packed net; make one with pack.")
        parts = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if about.get("base") != fingerprint(base):
        raise ValueError(f"{path} was packed against another base (fingerprint {about.get('base')}, got "
                         f"{fingerprint(base)}). Give the base that it was packed with.")  # fmt: skip
    here = {name: tensor.cpu() for name, tensor in base.items()}
    return {
        name: _restored(name, parts, here, tuple(shape), getattr(torch, dtype)).to(base[name].device)
        for name, (shape, dtype) in json.loads(about["tensors"]).items()
    }


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """16 hexadecimal digits of names, types and values."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _plain(tensor: Tensor) -> bool:
    return tensor.ndim < 2 or tensor.numel() < _PLAIN_BELOW


def _share(child: Mapping[str, Tensor], ratio: float | int) -> float:
    """What part of its own size each matrix may take, after all that isn't compressed and the file's header."""
    large = [tensor for tensor in child.values() if tensor.is_floating_point() and not _plain(tensor)]
    exact = [tensor for tensor in child.values() if not tensor.is_floating_point()]
    half = sum(2 * tensor.numel() for tensor in child.values() if tensor.is_floating_point() and _plain(tensor))
    header = 200 + _HEADER * (len(child) + 5 * len(large))
    whole = sum(tensor.numel() * tensor.element_size() for tensor in large)
    fixed = half + header + sum(tensor.numel() * tensor.element_size() for tensor in exact)
    return max(_bytes(child) / ratio - fixed, 0.02 * whole) / max(1, whole)


def _check(child: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> None:
    if set(child) != set(base):
        raise ValueError(f"child and base must have the same tensors; only in one of them: "
                         f"{', '.join(sorted(set(child) ^ set(base))[:5])}.")  # fmt: skip
    for name, tensor in child.items():
        if tensor.shape != base[name].shape:
            raise ValueError(
                f"Tensor {name!r} must have one shape in child and base, got {list(tensor.shape)} and "
                f"{list(base[name].shape)}. Give the net that the child was fine-tuned from."
            )
        if tensor.is_floating_point() and not bool(tensor.isfinite().all() & base[name].isfinite().all()):
            raise ValueError(f"Tensor {name!r} holds NaN or infinite values, which can't be packed.")


def _compressed(child: Tensor, base: Tensor, budget: float) -> dict[str, Tensor]:
    """The parts of one matrix, at most ``budget`` bytes."""
    gap = (child.double() - base.double()).flatten(1)
    rows, columns = gap.shape
    left, values, right = torch.linalg.svd(gap, full_matrices=False)
    best, lowest = None, math.inf
    for bits in _BITS:
        room = budget - (rows * columns * bits / 8 + 2 * rows if bits else 0)
        rank = min(len(values), int(room // (rows + columns + 4)))
        if room < 0 or (bits == 0 and rank == 0):
            continue
        parts = _low_rank(left[:, :rank] * values[:rank].sqrt(), (values[:rank].sqrt()[:, None] * right[:rank]).T)
        rest = gap - _from_low_rank(parts) if rank else gap
        parts |= _quantised(rest, bits) if bits else {}
        error = float((gap - _difference(parts, rows, columns)).square().sum())
        if error < lowest:
            best, lowest = parts, error
    return best if best is not None else {"none": torch.zeros(1, dtype=torch.uint8)}


def _low_rank(left: Float[Tensor, "rows rank"], right: Float[Tensor, "columns rank"]) -> dict[str, Tensor]:
    if left.shape[1] == 0:
        return {}
    parts = {}
    for key, factor in (("left", left), ("right", right)):
        step = (factor.abs().amax(0) / 127).clamp_min(1e-7)
        parts[key] = (factor / step.half().double()).round().clamp(-127, 127).to(torch.int8).contiguous()
        parts[f"{key} step"] = step.half()
    return parts


def _from_low_rank(parts: Mapping[str, Tensor]) -> Float[Tensor, "rows columns"]:
    left, right = (parts[key].double() * parts[f"{key} step"].double() for key in ("left", "right"))
    return left @ right.T


def _quantised(rest: Float[Tensor, "rows columns"], bits: int) -> dict[str, Tensor]:
    """Evenly spaced levels for each row, symmetric around zero; the step is the best of a few."""
    levels = 2**bits
    spread = rest.square().mean(1, keepdim=True).sqrt().clamp_min(1e-7)
    tried = [(spread * width / levels).half().double() for width in (1.0, 1.6, 2.2, 2.8, 3.4, 4.2, 5.0, 6.0, 8.0)]
    errors = torch.stack([(rest - _level(_codes(rest, step, levels), step, levels)).square().sum(1) for step in tried])
    step = torch.stack(tried).squeeze(2).gather(0, errors.argmin(0, keepdim=True)).T
    return {"codes": _packed_bits(_codes(rest, step, levels), bits), "step": step.flatten().half(),
            "bits": torch.tensor([bits], dtype=torch.uint8)}  # fmt: skip


def _codes(rest: Tensor, step: Tensor, levels: int) -> Tensor:
    return (rest / step.clamp_min(1e-12) + (levels - 1) / 2).round().clamp(0, levels - 1).to(torch.uint8)


def _level(codes: Tensor, step: Tensor, levels: int) -> Tensor:
    return (codes.double() - (levels - 1) / 2) * step


def _packed_bits(codes: UInt8[Tensor, "rows columns"], bits: int) -> UInt8[Tensor, "bytes"]:
    flat = codes.flatten()
    wide = ((flat[:, None] >> torch.arange(bits, dtype=torch.uint8)) & 1).flatten()
    wide = torch.nn.functional.pad(wide, (0, -len(wide) % 8)).reshape(-1, 8)
    return (wide << torch.arange(8, dtype=torch.uint8)).sum(1, dtype=torch.uint8)


def _unpacked_bits(data: UInt8[Tensor, "bytes"], bits: int, count: int) -> UInt8[Tensor, "count"]:
    wide = ((data[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1).flatten()[: count * bits].reshape(count, bits)
    return (wide << torch.arange(bits, dtype=torch.uint8)).sum(1, dtype=torch.uint8)


def _difference(parts: Mapping[str, Tensor], rows: int, columns: int) -> Float[Tensor, "rows columns"]:
    gap = _from_low_rank(parts) if "left" in parts else torch.zeros(rows, columns, dtype=torch.float64)
    if "codes" in parts:
        bits = int(parts["bits"][0])
        codes = _unpacked_bits(parts["codes"], bits, rows * columns).reshape(rows, columns)
        gap = gap + _level(codes, parts["step"].double()[:, None], 2**bits)
    return gap


def _restored(
    name: str, parts: Mapping[str, Tensor], base: Mapping[str, Tensor], shape: tuple[int, ...], dtype: torch.dtype
) -> Tensor:
    own = {key.removeprefix(f"{name}|"): part for key, part in parts.items() if key.startswith(f"{name}|")}
    if "exact" in own:
        return own["exact"]
    if "half" in own:
        return (base[name].float() + own["half"].float()).to(dtype)
    gap = _difference(own, shape[0], math.prod(shape[1:]))
    return (base[name].double() + gap.reshape(shape)).to(dtype)


def _bytes(weights: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
