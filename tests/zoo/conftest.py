import pytest

from weightspace.zoo import Recipe, build_zoo

TINY = """
name = "tiny"
nets = 12
[data]
name = "digits"
[net]
name = "mlp"
hidden = [8]
activation = ["relu", "tanh"]
[train]
optimizer = ["adam", "sgd", "rmsprop"]
lr = {low = 1e-3, high = 1e-1, log = true}
dropout = [0.0, 0.5]
label_noise = [0.0, 0.2]
fraction = {low = 0.05, high = 1.0}
batch_size = 16
steps = 12
[save]
count = 2
initial = true
[store]
shard = 5
"""


@pytest.fixture(scope="session")
def recipe():
    return Recipe.from_toml(TINY)


@pytest.fixture(scope="session")
def zoo(recipe, tmp_path_factory):
    return build_zoo(recipe, tmp_path_factory.mktemp("zoo") / "tiny", workers=1, progress=False)
