"""Losses and accuracies of a stack on the parts of a dataset."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from weightspace.data import Dataset
from weightspace.nets import example_inputs
from weightspace.nets.stacked.losses import cross_entropies
from weightspace.nets.stacked.run import run_stack

BATCH = 256
PARTS = ("train", "val", "test")


class Evaluation:
    """Measures nets on all parts in one sweep over examples that the whole stack shares.

    Training metrics count only the examples that a net trains on, with the labels that it trains on.
    """

    def __init__(self, net: nn.Module, data: Dataset, most: int = 0, device: str = "cpu"):
        self.net = net
        shape = example_inputs(net)[0].shape[1:]
        parts = {part: tuple(t[: most or None] for t in data.part(part)) for part in PARTS}
        self.inputs = torch.cat([x.reshape(-1, *shape) for x, _ in parts.values()]).to(device)
        self.labels = torch.cat([y for _, y in parts.values()]).to(device)
        self.sizes = [len(y) for _, y in parts.values()]

    @torch.no_grad()
    def measure(
        self,
        weights: dict[str, Tensor],
        train_labels: Int[Tensor, "nets train"] | None = None,
        used: Bool[Tensor, "nets train"] | None = None,
    ) -> dict[str, Float[Tensor, " nets"]]:
        """``{part}_loss`` and ``{part}_accuracy`` for every part, and ``gap``: train minus test accuracy."""
        nets = len(next(iter(weights.values())))
        if nets == 1:  # a stack of one takes other ways through the kernels
            weights = {name: tensor.expand(2, *tensor.shape[1:]).contiguous() for name, tensor in weights.items()}
        labels, counted = self._targets(nets, train_labels, used)
        self.net.eval()
        losses, hits = [], []
        for first in range(0, len(self.inputs), BATCH):
            logits = run_stack(self.net, weights, self.inputs[first : first + BATCH])[:nets]
            target = labels[:, first : first + BATCH]
            losses.append(cross_entropies(logits, target))
            hits.append((logits.argmax(2) == target).float())
        self.net.train()
        return self._summary(torch.cat(losses, 1), torch.cat(hits, 1), counted)

    def _targets(self, nets: int, train_labels: Tensor | None, used: Tensor | None) -> tuple[Tensor, Tensor]:
        labels, train = self.labels.repeat(nets, 1), self.sizes[0]
        counted = torch.ones_like(labels, dtype=torch.float32)
        if train_labels is not None:
            labels[:, :train] = train_labels[:, :train]
        if used is not None:
            counted[:, :train] = used[:, :train].float()
        return labels, counted

    def _summary(self, losses: Tensor, hits: Tensor, counted: Tensor) -> dict[str, Tensor]:
        summary = {}
        columns: Sequence[tuple[Tensor, ...]] = list(zip(*(t.split(self.sizes, 1) for t in (losses, hits, counted))))
        for part, (loss, hit, count) in zip(PARTS, columns, strict=True):
            total = count.sum(1).clamp_min(1)
            summary[f"{part}_loss"] = (loss * count).sum(1) / total
            summary[f"{part}_accuracy"] = (hit * count).sum(1) / total
        summary["gap"] = summary["train_accuracy"] - summary["test_accuracy"]
        return summary
