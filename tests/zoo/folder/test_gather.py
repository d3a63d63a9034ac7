from functools import partial

import pyarrow as pa
import pytest
import torch

from weightspace.zoo.folder.folder import shard_path
from weightspace.zoo.folder.gather import check_unchanged, gather_weights, only_space
from weightspace.zoo.folder.shard import state_checksum, write_tensors


def table(places, space="s"):
    shards, rows = zip(*places, strict=True)
    return pa.table({"space": [space] * len(rows), "shard": list(shards), "row": list(rows)})


@pytest.fixture
def folder(tmp_path):
    for shard in range(3):
        write_tensors(shard_path(tmp_path, shard), {"s/w": 10.0 * shard + torch.arange(4.0), "t/w": torch.zeros(2)})
    return tmp_path


@pytest.mark.parametrize(
    "places",
    [
        [(0, 0), (0, 1), (0, 2)],
        [(1, 3), (1, 2)],
        [(2, 0), (0, 3), (1, 1), (2, 3), (2, 3)],
        [(0, 2)],
    ],
)
def test_states_come_in_the_order_of_the_table(folder, places):
    wanted = [10.0 * shard + row for shard, row in places]
    assert gather_weights(partial(shard_path, folder), table(places))["w"].tolist() == wanted


def test_what_a_shard_does_not_have_is_named(folder):
    with pytest.raises(ValueError, match=r"the index points at row 7 of .*00001.safetensors, which has 4"):
        gather_weights(partial(shard_path, folder), table([(0, 1), (1, 7)]))
    with pytest.raises(ValueError, match="has no weights of space u; check the zoo with verify"):
        gather_weights(partial(shard_path, folder), table([(0, 1)], space="u"))


def test_one_space_at_a_time():
    with pytest.raises(ValueError, match=r"one weight space is needed, but 2 occur \(a, b\); use by_space\(\)"):
        only_space(pa.table({"space": ["a", "b", "a"]}))


def test_weights_of_a_zoo_that_was_built_again_are_refused(folder):
    weights = {"w": torch.arange(2.0)}
    sums = [state_checksum({"w": value}) for value in weights["w"]]
    check_unchanged(folder, pa.table({"checksum": sums}), weights)
    with pytest.raises(ValueError, match="was built again since it was opened"):
        check_unchanged(folder, pa.table({"checksum": sums[::-1]}), weights)
