"""What `import weightspace` gives, and what it must not load."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import weightspace

HEAVY = ("torch_geometric", "accelerate", "sklearn", "matplotlib", "pandas", "scipy", "pyarrow", "huggingface_hub")


def loaded_after(code: str) -> set[str]:
    """The heavy modules that a fresh interpreter has loaded after `code`."""
    script = f"import sys\n{code}\nprint(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_public_names():
    assert weightspace.__all__ == sorted(weightspace.__all__)
    assert set(weightspace.__all__) == {
        "Recipe", "WeightSpace", "Zoo", "__version__", "build_zoo", "from_graph", "load_metanet", "to_graph",
    }  # fmt: skip
    assert dir(weightspace) == weightspace.__all__


FACES = [
    "weightspace",
    *(f"weightspace.{room}" for room in ["tasks", "graphs", "metanets", "generators", "optimizers"]),
]


@pytest.mark.parametrize("name", weightspace.__all__)
def test_every_public_name_is_there(name):
    assert getattr(weightspace, name) is not None


def test_unknown_name_lists_the_known():
    with pytest.raises(AttributeError, match=r"no 'to_grph'; it has .*to_graph"):
        weightspace.to_grph  # noqa: B018


def test_import_is_light():
    assert loaded_after("import weightspace") == set()
    assert not loaded_after("from weightspace import WeightSpace") & {
        "torch_geometric",
        "sklearn",
        "matplotlib",
        "pandas",
    }
    assert not loaded_after("from weightspace import Zoo") & {"torch_geometric", "sklearn", "matplotlib", "pandas"}


def test_faces_of_tasks_are_light():
    assert loaded_after("import weightspace.tasks") == set()
    assert loaded_after("from weightspace.tasks import Score, score, kendall_tau") == set()
    assert not loaded_after("from weightspace.tasks import score, TrainConfig, AugmentConfig, LabelledNets") & {
        "torch_geometric",
        "accelerate",
        "sklearn",
    }
    assert loaded_after("import weightspace.tasks, sys; assert 'torch' not in sys.modules") == set()


def test_faces_of_graphs_and_metanets_are_light():
    faces = "import weightspace.metanets, weightspace.generators; assert 'torch' not in sys.modules; "
    faces += "from weightspace.metanets import presets"
    assert loaded_after(f"{faces}; from weightspace.graphs import skeleton, topology, Layout") == set()


@pytest.mark.parametrize("name", FACES)
def test_a_lazy_face_says_the_same_to_python_and_to_type_checkers(name):
    """Names lie where the imports for type checkers say, and none is hidden by a file or folder of the package."""
    module = import_module(name)
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    at_once = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module not in ("typing", "weightspace.lazy")]
    lazily = {alias.name: node.module for node in block.body for alias in node.names}
    said = lazily | {alias.name: node.module for node in at_once for alias in node.names}
    assert set(said) | {"__version__"} >= set(module.__all__) >= set(said)
    for public, home in said.items():
        assert getattr(module, public) is getattr(import_module(home), public)
    for public in lazily:
        assert not any((Path(module.__path__[0]) / each).exists() for each in (public, f"{public}.py"))
    assert dir(module) == sorted(module.__all__)


def test_the_probe_sees_a_heavy_import():
    assert "pyarrow" in loaded_after("import pyarrow")


def concrete(room, base):
    """The public classes of a room that are a `base` and not abstract."""
    values = [getattr(room, name) for name in room.__all__]
    return {
        value
        for value in values
        if inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)
    }


def test_every_public_net_and_metanet_is_on_its_list():
    from weightspace import metanets, nets

    assert concrete(nets, nets.Net) == set(nets.NETS.values())
    assert concrete(metanets, metanets.Metanet) == set(metanets.METANETS.values())


def test_every_public_generator_is_on_its_list():
    from weightspace import generators

    assert concrete(generators, generators.Generator) == set(generators.GENERATORS.values())


def test_every_room_lists_what_it_gives():
    for room in ("space", "nets", "data", "zoo", "graphs", "metanets", "generators", "tasks"):
        module = import_module(f"weightspace.{room}")
        assert module.__all__
        assert all(hasattr(module, name) for name in module.__all__)
