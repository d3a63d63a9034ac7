"""Which room may import which: arrows point up the list, never down, never across between `zoo` and `metanets`."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "weightspace"

ALLOWED = {
    "space": set(),
    "nets": {"space"},
    "data": {"space", "nets"},
    "zoo": {"space", "nets", "data"},
    "graphs": {"space"},
    "metanets": {"space", "graphs"},
    "tasks": {"space", "nets", "data", "zoo", "graphs", "metanets"},
    "testing": {"space", "graphs", "metanets"},
    "cli": {"space", "nets", "data", "zoo", "graphs", "metanets", "tasks", "testing"},
}


def imported_modules(source: str, module: str) -> set[str]:
    """Every module of the package that `source` imports, wherever the statement stands; relative ones resolved."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) + "." if node.level else ""
            origin = (base + (node.module or "")).strip(".")
            found |= {f"{origin}.{alias.name}" for alias in node.names} if origin == "weightspace" else {origin}
    return {name for name in found if name.split(".")[0] == "weightspace"}


def wrong_arrows(source: str, module: str) -> list[str]:
    """The imports of `module` that its room isn't allowed."""
    room = module.split(".")[1]
    wrong = []
    for name in sorted(imported_modules(source, module)):
        other = [*name.split("."), ""][1]
        if other not in {room, "__version__"} | ALLOWED[room]:
            wrong.append(f"{module} imports {name}")
    return wrong


def modules() -> list[tuple[str, Path]]:
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
    return [(".".join(("weightspace", *path.relative_to(PACKAGE).with_suffix("").parts)), path) for path in paths]


def test_every_room_is_on_the_list():
    assert {name.split(".")[1] for name, _ in modules()} == set(ALLOWED)


def test_arrows_point_up():
    wrong = [arrow for name, path in modules() for arrow in wrong_arrows(path.read_text(encoding="utf-8"), name)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("weightspace.zoo.build", "from weightspace.metanets import load_metanet"),
        ("weightspace.zoo.build", "def f():\n    import weightspace.metanets.base"),
        ("weightspace.metanets.base", "from weightspace import zoo"),
        ("weightspace.metanets.base", "from ..zoo import Zoo"),
        ("weightspace.nets.mlp", "if True:\n    from weightspace.data import load_dataset"),
        ("weightspace.space.trace", "import weightspace.graphs"),
        ("weightspace.graphs.batch", "import weightspace"),
    ],
)
def test_a_planted_wrong_arrow_is_found(module, source):
    assert wrong_arrows(source, module)


def test_right_arrows_pass():
    assert not wrong_arrows(
        "from weightspace.zoo import Zoo\nimport torch\nfrom .metrics import score", "weightspace.tasks.x"
    )
