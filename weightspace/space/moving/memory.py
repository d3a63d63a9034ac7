"""Which tensors can be written while others are still read."""

from collections.abc import Mapping

from torch import Tensor


def reusable(weights: Mapping[str, Tensor], out: Mapping[str, Tensor]) -> set[str]:
    """The names whose ``out`` can be written at once: it is one block, in which no weights lie but its own."""
    blocks = sorted(
        [(*_block(tensor), True, name) for name, tensor in out.items()]
        + [(*_block(tensor), False, name) for name, tensor in weights.items()]
    )
    found, group, end = set[str](), list[tuple[int, int, bool, str]](), -1
    for block in [*blocks, (end, end, False, "")]:
        if block[0] >= end or block[0] < 0:
            found |= _reusable_of(group)
            group = []
        group.append(block)
        end = max(end, block[1])
    return {name for name in found if out[name].is_contiguous()}


def _block(tensor: Tensor) -> tuple[int, int]:
    """Where a tensor begins and ends in memory."""
    if tensor.is_contiguous():
        start = tensor.data_ptr()
        return start, start + tensor.numel() * tensor.element_size()
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.data_ptr() + storage.nbytes()


def _reusable_of(group: list[tuple[int, int, bool, str]]) -> set[str]:
    """The same, of tensors that overlap."""
    written, read = ([block for block in group if block[2] is is_out] for is_out in (True, False))
    if not read:
        return {name for *_, name in written}
    is_own = len(written) == len(read) == 1 and written[0][:2] == read[0][:2] and written[0][3] == read[0][3]
    return {written[0][3]} if is_own else set()
