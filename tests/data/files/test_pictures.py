"""Folders of images by class, as people have them."""

import numpy as np
import pytest
import torch
from PIL import Image

from weightspace.data import data_code, load_dataset, load_signals


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHTSPACE_DATA", str(tmp_path))
    return tmp_path


def draw(folder, count, mode="L", size=(6, 6), seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for k in range(count):
        pixels = rng.integers(0, 256, (*size, 4), dtype=np.uint8)
        Image.fromarray(pixels, "RGBA").convert(mode).save(folder / f"{k:03d}.png")


def sizes(data):
    return [len(data.part(part)[0]) for part in ("train", "val", "test")]


def test_folders_by_class_are_cut_into_parts(root):
    for name in ("cat", "dog"):
        draw(root / "pets" / name, 10)
    (root / "pets" / "cat" / ".DS_Store").write_bytes(b"x")
    data = load_dataset("pets")
    assert (sizes(data), data.classes, data.input_shape) == ([15, 1, 4], 2, (1, 6, 6))
    assert sizes(load_dataset("pets", val=2, test=3, seed=1)) == [15, 2, 3]
    assert load_signals("pets").values.shape == (20, 1, 36)


def test_train_and_test_folders_are_kept(root):
    for part, count in (("train", 5), ("test", 2)):
        for name in "ab":
            draw(root / "mine" / part / name, count)
    assert sizes(load_dataset("mine")) == [9, 1, 4]
    with pytest.raises(ValueError, match="has images to test on already, so it takes no test, got 3"):
        load_dataset("mine", test=3)
    draw(root / "mine" / "test" / "c", 1)
    with pytest.raises(ValueError, match="train and test must have the same classes, got a, b and a, b, c"):
        load_dataset("mine")


def test_sizes_and_colours_may_differ_if_they_are_scaled(root):
    draw(root / "odd" / "a", 3, "RGB", (5, 9))
    draw(root / "odd" / "b", 3, "RGBA", (7, 7))
    draw(root / "odd" / "b", 2, "L", (4, 4))
    with pytest.raises(ValueError, match=r"must have one shape, got .*\[data\] side = 28 scales them"):
        load_dataset("odd")
    assert load_dataset("odd", side=4).input_shape == (3, 4, 4)
    assert load_dataset("odd", side=4, grey=True).input_shape == (1, 4, 4)


def test_a_constant_channel_is_no_division_by_zero(root):
    (root / "flat" / "a").mkdir(parents=True)
    for k in range(5):
        Image.new("L", (3, 3), 7).save(root / "flat" / "a" / f"{k}.png")
    assert torch.isfinite(load_dataset("flat").x_train).all()


@pytest.mark.parametrize("count", [3, 5, 12, 500])
def test_small_sets_leave_something_in_every_part(root, count):
    rng = np.random.default_rng(0)
    (root / "few").mkdir()
    np.savez(root / "few" / "few.npz", x=rng.integers(0, 256, (count, 4, 4), dtype=np.uint8), y=np.arange(count) % 2)
    assert min(sizes(load_dataset("few"))) >= 1
    assert sum(sizes(load_dataset("few"))) == count


def test_a_folder_that_has_changed_is_read_again(root):
    draw(root / "pets" / "a", 6)
    before, code = load_dataset("pets"), data_code("pets")
    assert load_dataset("pets") is before
    draw(root / "pets" / "a", 7, seed=1)
    assert sum(sizes(load_dataset("pets"))) == 7
    assert data_code("pets") != code


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: None, "nor images in folders by class"),
        (lambda folder: (folder / "a").mkdir(), "must hold images of the class 'a', but is empty"),
        (lambda folder: draw(folder / "train" / "a", 2), "must have both folders train and test"),
        (lambda folder: draw(folder / "a", 1), "test must be at least 1 and at most -1"),
        (
            lambda folder: [np.savez(folder / f"{n}.npz", x=1) for n in "ab"],
            "must hold one .npz, but holds a.npz, b.npz",
        ),
        (lambda folder: np.savez(folder / "a.npz", x=np.zeros((4, 2)), y=np.arange(4)), "through a function that is"),
    ],
)
def test_what_is_wrong_is_said(root, prepare, message):
    (root / "mine").mkdir()
    prepare(root / "mine")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_dataset("mine")


def test_names_do_not_lead_outside(root, tmp_path):
    draw(tmp_path / "a" / "b", 6)
    for name in ("..", ".", "a/b", "../x"):
        with pytest.raises(ValueError, match="unknown data"):
            load_dataset(name)


def test_deep_images_are_refused(root):
    (root / "deep" / "a").mkdir(parents=True)
    Image.fromarray(np.full((3, 3), 60_000, np.uint16)).save(root / "deep" / "a" / "0.png")
    with pytest.raises(ValueError, match="must have 8 bits a channel, got an image of mode I"):
        load_dataset("deep")
