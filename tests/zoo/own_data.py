"""Data of a user's own, as a module beside a script would have them."""

import torch

from weightspace.data import Dataset, Signals, data_factory


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@data_factory
def table(rows: int = 60, columns: int = 5):
    """Rows of a table."""
    x = torch.randn(rows, columns, generator=drawn(), dtype=torch.float64)
    return x, (x[:, 0] > 0).long()


@data_factory
def sentences(count: int = 80):
    """Token ids: is the first one even?"""
    x = torch.randint(0, 7, (count, 6), generator=drawn())
    return x, x[:, 0] % 2


class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return 30

    def __getitem__(self, i):
        return torch.full((1, 2, 2), float(i)), i % 3


@data_factory
def pairs():
    """A torch Dataset."""
    return Pairs()


@data_factory
def parted() -> Dataset:
    """Parts of one's own."""
    x, y = torch.rand(9, 1, 4, 4, generator=drawn()), torch.arange(9) % 2
    return Dataset("any", 2, x[:5], y[:5], x[5:7], y[5:7], x[7:], y[7:])


@data_factory
def curves() -> Signals:
    """Signals of one variable."""
    values = torch.rand(6, 1, 8, generator=drawn())
    return Signals("any", (8,), "corners", values, torch.arange(6) % 2, torch.tensor([0, 0, 0, 0, 1, 2]))


@data_factory
def restless():
    """Another draw at every call."""
    return torch.randn(20, 5), torch.arange(20) % 2


@data_factory
def wrong(kind: str):
    """What isn't data."""
    x, y = torch.rand(9, 2, generator=drawn()), torch.arange(9) % 2
    return {
        "none": None,
        "dict": {"x": x},
        "floats": (x, y.float()),
        "lengths": (x, y[:-1]),
        "bytes": ((x * 9).byte(), y),
        "text": (["a", "b"], [0, 1]),
        "nan": (x / 0, y),
        "negative": (x, y - 1),
        "entries": torch.utils.data.TensorDataset(x),
    }[kind]


def unmarked():
    """Nobody said that recipes may use it."""
