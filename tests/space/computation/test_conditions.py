"""Sizes that remember where they come from: what code asks of them, and that they are numbers like any other."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn

from weightspace.space.computation.conditions import Conditions

X = torch.zeros(2, 6, 5)
# what code asks of a size of 6, and the nearest one at which it hears something else (with 5 as the other size)
ASKED = {
    "less": (lambda n: n < 40, 40),
    "from the other side": (lambda n: (3 - n) > -37, 40),
    "equal": (lambda n: n == 6, 5),
    "unlike": (lambda n: n != 50, 50),
    "remainder": (lambda n: n % 7 != 0, 7),
    "whether there is a remainder": (lambda n: bool(n % 7), 7),
    "product": (lambda n: 3 * n * n < 300, 10),
    "ratio": (lambda n: n / 7 > 3, 22),
    "ceiling": (lambda n: math.ceil(n / 4) > 3, 13),
    "floor": (lambda n: math.floor(n / 4) > 3, 16),
    "ceiling by signs": (lambda n: -(-n // 4) > 3, 13),
    "blocks": (lambda n: (n + 31) // 32 == 1, 33),
    "one of many": (lambda n: n in (9, 12), 9),
    "the smaller": (lambda n: min(n, 10), 11),
    "divides": (lambda n: 16 % (n // 3) == 0, 9),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_condition_knows_where_it_ends(name):
    asks, ends = ASKED[name]
    with Conditions() as met:
        asks(X.shape[1])
    assert (6, ends) in [other for condition in met.found for other in condition.others()]
    assert all("test_conditions.py:" in condition.place for condition in met.found)


@pytest.mark.parametrize(
    "read", [lambda x: x.shape[1], lambda x: x.size(1), lambda x: x.size()[1], lambda x: x[0].numel() // 5]
)
def test_every_way_to_read_a_size_counts(read):
    with Conditions() as met:
        assert read(X) == 6
    assert len(met.found) == 1


def test_two_sizes_that_grow_together_never_differ():
    with Conditions() as met:
        assert X.shape[1] == torch.ones(6, 2).shape[0]
    assert list(met.found[0].others()) == []


def test_sizes_of_weights_are_no_sizes_of_inputs():
    weight = nn.Parameter(torch.zeros(6, 5))
    with Conditions() as met:
        met.fixed = {id(weight)}
        assert weight.shape[0] < 40
    assert met.found == []


def test_they_are_numbers_like_any_other():
    with Conditions():
        b, n, d = X.shape
        assert X.view(b, -1, d).shape == torch.zeros(X.shape).shape == X.reshape(b * n, d).view(b, n, d).shape
        assert torch.arange(n).dtype == torch.tensor(n).dtype == torch.int64 and (X * n).dtype == X.dtype
        assert torch.full((n,), d).tolist() == [5] * n and torch.tensor([n, d]).tolist() == [6, 5]
        assert X.split(n // 2, 1)[0].shape[1] == 3 and (X / (n / 7)).dtype == X.dtype
        assert {n: 1}[6] == 1 and math.sqrt(n) == n**0.5 and f"{n}" == "6" and divmod(n, 4) == (1, 2)
        assert type(copy.deepcopy(n)) is int and type(pickle.loads(pickle.dumps(n / 7))) is float
        assert n != "6" and n == torch.tensor(6)


def test_no_number_remembers_without_end():
    with Conditions() as met:
        n = X.shape[1]
        for _ in range(5000):
            n = n + 1
        assert n == 5006 and n > 0
    assert met.found == []


def test_two_files_of_one_name_are_two_places():
    asking = "def ask(x, least):\n    return x.shape[0] > least\n"
    with Conditions() as met:
        for number, folder in enumerate(("one", "other")):
            module = {}
            exec(compile(asking, f"/{folder}/net.py", "exec"), module)
            module["ask"](X, number)
    assert sorted(condition.place for condition in met.found) == ["/one/net.py:2", "/other/net.py:2"]
