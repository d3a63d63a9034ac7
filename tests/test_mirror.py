"""Every module of the rooms of nets and zoos has a test file of its name, or stands here with the one that tests it."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "weightspace"
ROOMS = ("machine", "nets", "inr", "zoo")
CONTRACTS = "nets/test_by_name.py"  # over all nets of the list
STACKS = "nets/stacked/test_run.py"  # over all nets of the list, by hand and by vmap
ELSEWHERE = {
    **{f"nets/{name}.py": CONTRACTS for name in ("cnn", "fourier", "mlp", "net", "resnet", "vit")},
    **{f"nets/stacked/{name}.py": STACKS for name in ("cnn", "dropout", "mlp", "resnet", "siren", "vmap")},
    "nets/named.py": "nets/test_factory.py",
    "nets/stacked/blocks.py": "zoo/build/test_grow.py",
    "inr/average.py": "tasks/editing/test_editor.py",
    "inr/gradient.py": "tasks/editing/test_editor.py",
    "inr/readout.py": "tasks/editing/test_editor.py",
    "inr/fields.py": "inr/test_edits.py",
    "inr/images.py": "inr/test_edits.py",
    "inr/surface.py": "zoo/pictures/test_wall.py",
    "zoo/build/finish.py": "zoo/build/test_grow.py",
    "zoo/build/shards.py": "zoo/build/test_grow.py",
    "zoo/build/try_net.py": "zoo/build/test_own_data.py",
    "zoo/build/worker.py": "zoo/build/test_build.py",
    "zoo/card.py": "hub/test_zoos.py",
    "zoo/compare.py": "zoo/build/test_faults.py",
    "zoo/folder/folder.py": "zoo/build/test_faults.py",
    "zoo/imports/foreign.py": "zoo/imports/test_damaged.py",
    "zoo/imports/inr.py": "zoo/imports/test_imports.py",
    "zoo/imports/ray.py": "zoo/imports/test_imports.py",
    "zoo/imports/small_cnn.py": "zoo/imports/test_imports.py",
    "zoo/imports/splits.py": "zoo/imports/test_imports.py",
    "zoo/imports/tables.py": "zoo/imports/test_damaged.py",
    "zoo/info.py": "zoo/test_join.py",
    "zoo/folder/manifest.py": "zoo/build/test_faults.py",
    "zoo/publish.py": "hub/test_zoos.py",
    "zoo/train/plain_gradient.py": "zoo/train/test_fit.py",
    "zoo/train/saved.py": "zoo/train/test_fit.py",
    "zoo/train/siren_gradient.py": "zoo/train/test_fit.py",
    "zoo/train/train.py": "zoo/build/test_build.py",
    "zoo/verify.py": "zoo/build/test_faults.py",
}


def modules() -> list[str]:
    paths = [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py")) if path.name != "__init__.py"]
    return [path.relative_to(PACKAGE).as_posix() for path in paths]


def mirrored(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}"


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_tests(module):
    assert (TESTS / ELSEWHERE.get(module, mirrored(module))).is_file(), f"write tests/{mirrored(module)}"


def test_the_list_is_no_longer_than_it_must_be():
    assert set(ELSEWHERE) <= set(modules())
    assert not [module for module in ELSEWHERE if (TESTS / mirrored(module)).is_file()]
