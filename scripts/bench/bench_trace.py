"""Time tracing, verifying and acting on weights, for a list of architectures.

    python scripts/bench/bench_trace.py                      # the nets built in here
    python scripts/bench/bench_trace.py --models vit_b_16 resnet18   # any of torchvision, where that is installed

Prints for each model: the float64 error, the fraction of parameters that move, free names, operators without a rule,
seconds for export, trace and verify; then how long acting with a permutation takes against copying the same weights.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from weightspace.space import WeightSpace


class Block(nn.Module):
    """Two 3x3 convolutions around a residual connection, as in ResNet-18."""

    def __init__(self, inner: int, outer: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        skips = stride != 1 or inner != outer
        self.skip = (
            nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)) if skips else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inner, H, W]`` to ``[N, outer, H / stride, W / stride]``."""
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + (x if self.skip is None else self.skip(x)))


def resnet18() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """ResNet-18 for 224x224 images: 11.7 million parameters."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    inner = 64
    for outer in (64, 128, 256, 512):
        layers += [Block(inner, outer, 1 if outer == 64 else 2), Block(outer, outer, 1)]
        inner = outer
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)), (
        torch.randn(1, 3, 224, 224),
    )


class Vision(nn.Module):
    """A vision transformer, pre-norm, class token."""

    def __init__(self, width: int = 768, depth: int = 12, heads: int = 12):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 197, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, 224, 224]`` to ``[N, 1000]``."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], 1) + self.position
        return self.head(self.encoder(tokens)[:, 0])


class Unrolled(nn.Module):
    """A recurrence of many steps written out."""

    def __init__(self, steps: int):
        super().__init__()
        self.cell, self.head, self.steps = nn.GRUCell(16, 64), nn.Linear(64, 4), steps

    def forward(self, x: Tensor) -> Tensor:
        """``[steps, N, 16]`` to ``[N, 4]``."""
        state = x.new_zeros(x.shape[1], 64)
        for step in range(self.steps):
            state = self.cell(x[step], state)
        return self.head(state)


def vit() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """ViT-B/16 with 12 layers: 86 million parameters."""
    return Vision(), (torch.randn(1, 3, 224, 224),)


def unrolled(steps: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A GRU cell applied ``steps`` times."""
    return Unrolled(steps), (torch.randn(steps, 2, 16),)


def small() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A convolutional net of the size that zoos hold."""
    layers = [
        nn.Conv2d(1, 16, 3, 2),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 36, 10),
    ]
    return nn.Sequential(*layers), (torch.randn(2, 1, 28, 28),)


MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {
    "small-cnn": small,
    "resnet-18": resnet18,
    "vit-b/16": vit,
    "gru-unrolled-100": lambda: unrolled(100),
    "gru-unrolled-400": lambda: unrolled(400),
}


def from_torchvision(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A model of torchvision, which must be installed."""
    import torchvision

    return torchvision.models.get_model(name, weights=None), (torch.randn(1, 3, 224, 224),)


def trace_one(name: str, build: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]) -> dict[str, object]:
    """One row of the table."""
    torch.manual_seed(0)
    module, inputs = build()
    started = time.perf_counter()
    space = WeightSpace.trace(module.eval(), *inputs)
    total = time.perf_counter() - started
    report = space.report
    assert report is not None
    copy, act = compare_apply(space, {key: value.detach() for key, value in module.state_dict().items()})
    seconds = {key: round(value, 2) for key, value in report.seconds.items()}
    return {
        "model": name, "error": report.error, "moved": round(report.moved, 4), "names": len(space.free),
        "operators": report.operators, "lost": sorted(report.lost), **seconds, "total": round(total, 2),
        "apply/copy": round(act / copy, 2),
    }  # fmt: skip


def compare_apply(space: WeightSpace, weights: dict[str, Tensor], runs: int = 7) -> tuple[float, float]:
    """Least seconds of copying weights and of acting on them, taken in turns."""
    symmetry = space.random_symmetry(torch.Generator().manual_seed(0))
    best = [float("inf"), float("inf")]
    for _ in range(runs):
        for index, run in enumerate(
            (lambda: {name: t.clone() for name, t in weights.items()}, lambda: space.apply(symmetry, weights))
        ):
            started = time.perf_counter()
            run()
            best[index] = min(best[index], time.perf_counter() - started)
    return best[0], best[1]


def main() -> None:
    """Read the flags, print the table, write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=[], help="models of torchvision instead of the built-in list")
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    args = parser.parse_args()
    models = {name: (lambda name=name: from_torchvision(name)) for name in args.models} or MODELS
    trace_one("warm-up", small)  # the first export loads much of torch
    rows = []
    for name, build in models.items():
        rows.append(trace_one(name, build))
        print(
            "  ".join(f"{key} {value:.1e}" if key == "error" else f"{key} {value}" for key, value in rows[-1].items())
        )
    module, inputs = small()
    space = WeightSpace.trace(module, *inputs)
    stack = {name: tensor.expand(2000, *tensor.shape).clone() for name, tensor in module.state_dict().items()}
    copy, act = compare_apply(space, stack)
    print(f"2,000 small CNNs stacked: copy {copy * 1e3:.1f} ms, apply {act * 1e3:.1f} ms, ratio {act / copy:.2f}")
    if args.out:
        machine = {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
        }
        args.out.write_text(json.dumps({"machine": machine, "rows": rows, "stack apply/copy": act / copy}, indent=1))


if __name__ == "__main__":
    main()
