"""Small architectures whose weights or neurons are multiplied with each other in unusual ways."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.layered import Built, Code


class With(Code):
    """`Code` with parameters beside its modules."""

    def __init__(self, function, weights: dict[str, tuple[int, ...]], **parts: nn.Module):
        super().__init__(function, **parts)
        for name, shape in weights.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))


def kronecker() -> Built:
    """A layer whose weight is a Kronecker product."""

    def forward(m, x):
        weight = torch.einsum("ab,cd->acbd", m.left, m.right).reshape(12, 6)
        return m.o((x @ weight.T + m.bias).relu())

    return With(forward, {"left": (3, 2), "right": (4, 3), "bias": (12,)}, o=nn.Linear(12, 2)), (torch.randn(5, 6),)


def kronecker_between() -> Built:
    """The same between two sets of neurons."""

    def forward(m, x):
        h = m.a(x).relu()
        weight = torch.einsum("ab,cd->acbd", m.left, m.right).reshape(12, 6)
        return m.o((h @ weight.T).tanh())

    return With(forward, {"left": (3, 2), "right": (4, 3)}, a=nn.Linear(5, 6), o=nn.Linear(12, 2)), (torch.randn(5, 5),)


def monarch() -> Built:
    """A product of two block-diagonal matrices with a permutation between them."""

    def forward(m, x):
        h = torch.einsum("nbi,bji->nbj", x.view(-1, 2, 4), m.first)
        h = torch.einsum("njb,jkb->njk", h.transpose(1, 2), m.second)
        return m.o((h.flatten(1) + m.bias).relu())

    return With(forward, {"first": (2, 3, 4), "second": (3, 5, 2), "bias": (15,)}, o=nn.Linear(15, 2)), (
        torch.randn(5, 8),
    )


def gram_reader() -> Built:
    """Only products of pairs of features are read."""

    def forward(m, x):
        h = m.a(x).tanh()
        return m.o((h @ h.transpose(-1, -2)).flatten(1))

    return Code(forward, a=nn.Linear(5, 6), o=nn.Linear(16, 2)), (torch.randn(3, 4, 5),)


def linear_gram_reader() -> Built:
    """The same without a nonlinearity: features may even turn."""

    def forward(m, x):
        h = m.a(x)
        return m.o((h @ h.transpose(-1, -2)).flatten(1))

    return Code(forward, a=nn.Linear(5, 6), o=nn.Linear(16, 2)), (torch.randn(3, 4, 5),)


def style_reader() -> Built:
    """Products of pairs of neurons, as a style loss reads them."""

    def forward(m, x):
        h = m.a(x).relu().flatten(2)
        return (h @ h.transpose(1, 2)).pow(2).sum((1, 2)), m.o(h.mean(2))

    return Code(forward, a=nn.Conv2d(3, 6, 1), o=nn.Linear(6, 2)), (torch.randn(2, 3, 4, 4),)


def talking_heads() -> Built:
    """Attention whose heads are mixed before and after the softmax."""

    def forward(m, x):
        h = m.embed(x)
        q, k, v = m.qkv(h).view(*h.shape[:2], 3, 4, 4).permute(2, 0, 3, 1, 4)
        scores = torch.einsum("gh,bhij->bgij", m.before, q @ k.transpose(-1, -2)).softmax(-1)
        mixed = torch.einsum("gh,bhij->bgij", m.after, scores) @ v
        return m.o(h + m.proj(mixed.transpose(1, 2).flatten(2)))

    parts = {"embed": nn.Linear(5, 16), "qkv": nn.Linear(16, 48), "proj": nn.Linear(16, 16), "o": nn.Linear(16, 2)}
    return With(forward, {"before": (4, 4), "after": (4, 4)}, **parts), (torch.randn(2, 6, 5),)


def capsules() -> Built:
    """Two layers of capsules with one step of routing."""

    def forward(m, x):
        low = F.normalize(m.a(x).view(len(x), 6, 4), dim=-1)
        votes = torch.einsum("nic,ijdc->nijd", low, m.poses)
        share = torch.einsum("nijd,njd->nij", votes, votes.mean(1)).softmax(2)
        high = torch.einsum("nij,nijd->njd", share, votes)
        return high.norm(dim=-1)

    return With(forward, {"poses": (6, 3, 5, 4)}, a=nn.Linear(5, 24)), (torch.randn(3, 5),)


def hidden_capsules() -> Built:
    """Capsules that another layer reads."""

    def forward(m, x):
        low = m.a(x).view(len(x), 6, 4)
        votes = torch.einsum("nic,ijdc->nijd", low, m.poses)
        share = torch.einsum("nijd,njd->nij", votes, votes.mean(1)).softmax(2)
        return m.o(torch.einsum("nij,nijd->njd", share, votes).flatten(1))

    return With(forward, {"poses": (6, 3, 5, 4)}, a=nn.Linear(5, 24), o=nn.Linear(15, 2)), (torch.randn(3, 5),)


ALL = (
    kronecker, kronecker_between, monarch, gram_reader, linear_gram_reader, style_reader, talking_heads, capsules,
    hidden_capsules,
)  # fmt: skip
