import pytest
import torch

from weightspace.data import DATASETS, load_dataset
from weightspace.data.tasks import TASKS, task_classes, with_task

DIGITS = load_dataset("digits")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_changes_images_or_labels_of_every_part_alike(name):
    shown = with_task(DIGITS, name)
    for part in ("train", "val", "test"):
        (x, y), (own_x, own_y) = shown.part(part), DIGITS.part(part)
        assert x.shape == own_x.shape and 0 <= int(y.min()) <= int(y.max()) < task_classes(name, 10)
        assert (not torch.equal(x, own_x)) + (not torch.equal(y, own_y)) == (name != "plain")


def test_what_tasks_do_to_one_digit():
    x, y = DIGITS.x_val[0, 0], int(DIGITS.y_val[0])
    rotated, inverted = (with_task(DIGITS, name).x_val[0, 0] for name in ("rotated", "inverted"))
    assert torch.equal(rotated, torch.rot90(x))
    torch.testing.assert_close(inverted + x, torch.full_like(x, float(DIGITS.x_train.min() + DIGITS.x_train.max())))
    found = {name: int(with_task(DIGITS, name).y_val[0]) for name in ("shifted", "swapped", "parity", "large")}
    assert found == {"shifted": (y + 1) % 10, "swapped": y + 1 - 2 * (y % 2), "parity": y % 2, "large": int(y > 4)}


def test_scrambled_images_have_their_pixels_in_one_other_order():
    x, scrambled = DIGITS.x_train, with_task(DIGITS, "scrambled").x_train
    torch.testing.assert_close(scrambled.flatten(1).sort().values, x.flatten(1).sort().values)
    places = torch.arange(64.0).reshape(1, 8, 8)
    order = TASKS["scrambled"].inputs(places, 0.0, 63.0).flatten().long()
    assert sorted(order.tolist()) == list(range(64)) and order.tolist() != list(range(64))
    assert torch.equal(scrambled.flatten(1), x.flatten(1)[:, order])


def test_an_odd_class_has_no_partner():
    assert TASKS["swapped"].labels(torch.arange(3), 3).tolist() == [1, 0, 2]


def test_tasks_are_for_square_images():
    wide = DATASETS["digits"]()
    object.__setattr__(wide, "x_train", wide.x_train[..., :6])
    with pytest.raises(ValueError, match=r"task 'rotated' needs square images .*, but digits has examples \(1, 8, 6\)"):
        with_task(wide, "rotated")
