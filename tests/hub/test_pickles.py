"""Files that may run code when they are opened."""

import pytest

from weightspace.hub.pickles import pickles, refuse_pickles


def test_pickles_are_known_by_their_endings():
    assert pickles(["a/model.safetensors", "b.PT", "c/pytorch_model.bin", "bin/notes.md"]) == [
        "b.PT",
        "c/pytorch_model.bin",
    ]


def test_a_folder_with_one_is_refused():
    refuse_pickles(["model.safetensors"], "here")
    with pytest.raises(ValueError, match=r"here holds x.pkl: such a file may run code .* safetensors.torch.save_file"):
        refuse_pickles(["x.pkl"], "here")
