import pytest

from weightspace.zoo.recipe.store import Store


def test_a_shard_has_nets_and_a_stack_may_be_chosen_by_size():
    assert Store().stack == 0
    with pytest.raises(ValueError, match="shard must be at least 1"):
        Store(shard=0)
    with pytest.raises(ValueError, match="stack must be at least 0"):
        Store(stack=-1)
