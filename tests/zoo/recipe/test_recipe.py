import pytest

from weightspace.zoo import Recipe, build_zoo, gallery
from weightspace.zoo.recipe.trial import draw_trial

TEXT = """
name = "tiny"
nets = 10
[data]
name = "digits"
[net]
name = "mlp"
hidden = {choices = [[8], [16, 8]]}
activation = ["relu", "tanh"]
[train]
lr = {low = 1e-3, high = 1e-1, log = true}
fraction = {low = 0.1, high = 1.0}
batch_size = {low = 8, high = 9}
steps = 20
"""


def test_every_recipe_of_the_gallery_loads_and_draws():
    recipes = gallery()
    assert "digits-cnn" in recipes
    for name in recipes:
        recipe = Recipe.load(name)
        assert recipe.name == name and recipe.description and recipe.nets >= 100
        assert draw_trial(recipe, 0) != draw_trial(recipe, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nets = 10", "nets = 0", r"here: nets must be at least 1 and at most 100,000,000, got 0"),
        ("nets = 10", "nets = 'ten'", r"here: nets must be a whole number, got 'ten', which is a string"),
        ("nets = 10", "", r"here: nets is missing"),
        ("nets = 10", "nets = 10\nspeed = 3", r"here: unknown key 'speed'; known are name, description"),
        ("nets = 10", "nets = ", r"here: not valid TOML"),
        ("nets = 10", "nets = 10\ndraw = 'sobol'", r"here: draw must be one of random, grid, got 'sobol'"),
        ("nets = 10", "nets = 10\nsave = 3", r"here: save must be a table, got 3"),
        ('[data]\nname = "digits"', "", r"here: \[data\] must have a name"),
        (
            'name = "digits"',
            'name = "digit"',
            r"here: \[data\]: unknown data 'digit'; known are digits, coloured-digits, mnist",
        ),
        (
            'name = "digits"',
            'name = "digits"\nvalu = 3',
            r"here: \[data\]: unknown key 'valu'; known are name, val, test",
        ),
        ('name = "digits"', 'name = "digits"\nval = "x"', r"here: \[data\]: val must be a whole number, got 'x'"),
        ('name = "mlp"', 'name = "mpl"', r"here: \[net\]: unknown net 'mpl'; known are mlp, cnn"),
        ('[net]\nname = "mlp"', "[net]", r"here: \[net\] must have a name"),
        ('name = "mlp"', 'name = "mlp"\nwidth = 3', r"here: \[net\]: unknown key 'width'; known are activation"),
        ('name = "mlp"', 'name = "mlp"\ndropout = 0.1', r"here: \[net\]: dropout belongs to \[train\]"),
        ('["relu", "tanh"]', '["relu", "tnah"]', r"here: \[net\]: activation must be one of relu"),
        ('["relu", "tanh"]', "[]", r"here: \[net\]: activation: the list of choices must not be empty"),
        ("low = 1e-3", "low = 1.0", r"here: \[train\]: lr: low must be below high, got low = 1.0 and high = 0.1"),
        ("low = 1e-3", "low = 0.0", r"here: \[train\]: lr: a logarithmic range must start above 0"),
        ("low = 1e-3", "min = 1e-3", r"here: \[train\]: lr: a table must be \{low, high\}"),
        (
            "low = 0.1, high = 1.0",
            "low = 0.1, high = 2.0",
            r"\[train\]: fraction must be at least 0 and at most 1, got 2",
        ),
        ("steps = 20", "", r"here: \[train\]: exactly one of steps and epochs"),
        ("steps = 20", "steps = 20\nepochs = 3", r"here: \[train\]: exactly one of steps and epochs"),
        ("steps = 20", "steps = 20\nlearning_rate = 3", r"here: \[train\]: unknown key 'learning_rate'; known are"),
        ("steps = 20", "steps = true", r"here: \[train\]: steps must be a whole number, got True"),
        ("steps = 20", "steps = 20\noptimizer = {low = 1, high = 2}", r"only a number can have a range"),
        (
            "steps = 20",
            "steps = 20\n[save]\ncount = 0",
            r"count must be at least 1 and at most 100,000, got 0",
        ),
        (
            "steps = 20",
            "steps = 20\n[split]\nval = 0.6\ntest = 0.5",
            r"here: \[split\]: val and test must .* sum below 1",
        ),
        ("steps = 20", "steps = 20\n[store]\nshard = 0", r"here: \[store\]: shard must be at least 1"),
    ],
)
def test_errors_name_file_key_and_what_came(old, new, message):
    assert old in TEXT
    with pytest.raises((ValueError, TypeError), match=message):
        Recipe.from_toml(TEXT.replace(old, new, 1), "here")


def test_unknown_recipe_lists_the_gallery():
    with pytest.raises(FileNotFoundError, match=r"no recipe file digits and no recipe of that name; .*digits-cnn"):
        Recipe.load("digits")


def test_hash_covers_what_decides_the_nets():
    recipe = Recipe.from_toml(TEXT)
    assert recipe.hash == Recipe.from_toml(TEXT + "\n# a remark").hash == recipe.with_nets(99).hash
    assert recipe.hash == Recipe.from_toml(TEXT.replace("tiny", "small")).hash
    for old, new in (("1e-3", "2e-3"), ("nets = 10", "nets = 10\nseed = 1"), ("[8]", "[9]")):
        assert recipe.hash != Recipe.from_toml(TEXT.replace(old, new)).hash


def test_draws_stay_in_range_and_depend_on_the_net_alone():
    recipe = Recipe.from_toml(TEXT)
    trials = [draw_trial(recipe, net) for net in range(200)]
    assert trials[7] == draw_trial(recipe.with_nets(1000), 7)
    assert all(1e-3 <= trial.train.lr <= 1e-1 for trial in trials)
    assert sum(trial.train.lr < 1e-2 for trial in trials) in range(70, 130)
    assert {trial.train.batch_size for trial in trials} == {8, 9}
    assert len({trial.architecture for trial in trials}) == 4
    assert len({trial.seed for trial in trials}) == 200
    assert {trial.split for trial in trials} == {"train", "val", "test"}


def test_an_added_axis_moves_no_other():
    recipe, wider = Recipe.from_toml(TEXT), Recipe.from_toml(TEXT.replace("steps", "dropout = [0.1, 0.2]\nsteps"))
    for net in range(20):
        assert draw_trial(recipe, net).train.lr == draw_trial(wider, net).train.lr


def test_grid_runs_through_all_choices():
    text = TEXT.replace("nets = 10", 'nets = 10\ndraw = "grid"').replace(
        "lr = {low = 1e-3, high = 1e-1, log = true}", "lr = [0.1, 0.2]"
    )
    recipe = Recipe.from_toml(text)
    points = [(trial.architecture, trial.train.lr) for trial in (draw_trial(recipe, net) for net in range(16))]
    assert len(set(points[:8])) == 8
    assert points[:8] == points[8:]
    assert draw_trial(recipe, 0).seed != draw_trial(recipe, 8).seed


FIT = """
name = "fits"
nets = 2
[data]
name = "digits"
[net]
name = "siren"
hidden = [4]
[train]
lr = 1e-3
epochs = 30
"""


def test_an_epoch_of_a_fit_is_a_step(tmp_path):
    zoo = build_zoo(Recipe.from_toml(FIT), tmp_path / "zoo", workers=1, progress=False)
    assert zoo.table["step"].to_pylist() == [30, 30]


@pytest.mark.parametrize("setting", ["dropout = 0.1", "label_noise = 0.1", "fraction = 0.5", "batch_size = 8"])
def test_what_a_fit_has_no_use_for_is_refused_by_name(setting):
    name = setting.split()[0]
    with pytest.raises(ValueError, match=rf"a fit sees every point at every step, so it takes no {name}; leave"):
        Recipe.from_toml(f"{FIT}{setting}\n")


def test_all_faults_are_told_at_once():
    text = FIT.replace("nets = 2", "nets = 0").replace("lr = 1e-3", "lr = nan\nmomentun = 2").replace("[4]", "[]")
    with pytest.raises(ValueError) as caught:
        Recipe.from_toml(text + "[save]\ncount = 'many'\n")
    lines = str(caught.value).splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == [
        "nets must be at least 1 and at most 100,000,000, got 0",
        "[save]: count must be a whole number, got 'many', which is a string",
        "[net]: hidden must have at least 1 and at most 256 entries, got 0",
        "[train]: unknown key 'momentun'; known are batch_size, dropout, epochs, fraction, init, init_scale, l2, "
        "label_noise, lr, momentum, nesterov, optimizer, poison, schedule, shared_init, steps, target, task, trigger, "
        "warmup, weight_decay (did you mean 'momentum'?)",
    ]


@pytest.mark.parametrize(
    ("net", "setting"),
    [
        ("siren", "w0 = inf"),
        ("siren", "hidden = [0]"),
        ("siren", "output_shift = nan"),
        ("fourier", "scale = inf"),
        ("cnn", "image_size = 9223372036854775808"),
        ("cnn", "stride = 0"),
        ("vit", "patch = 0"),
        ("vit", "heads = 0"),
        ("resnet", "blocks = {choices = [[0]]}"),
        ("mlp", "hidden = {choices = [[1000000000]]}"),
    ],
)
def test_sizes_and_numbers_of_nets_are_sane(net, setting):
    text = FIT.replace('"siren"\nhidden = [4]', f'"{net}"\n{setting}')
    with pytest.raises(ValueError, match=rf"\[net\]: {setting.split()[0]} must be at least .* at most .*, got "):
        Recipe.from_toml(text)


@pytest.mark.parametrize(
    "setting",
    [
        "lr = inf",
        "lr = 1e6",
        "steps = 1000000",
        "momentum = nan",
        "weight_decay = inf",
        "l2 = inf",
        "init_scale = inf",
        "warmup = -0.5",
        "lr = -1.0",
    ],
)
def test_numbers_of_trainings_are_finite(setting):
    with pytest.raises(ValueError, match=rf"\[train\]: {setting.split()[0]} must be at least .* and at most .*, got "):
        Recipe.from_toml(FIT.replace("lr = 1e-3\n", "") + setting + "\n")


@pytest.mark.parametrize("value", ["1" + "0" * 400, "{low = 0, high = 1" + "0" * 30 + "}", "[1" + "0" * 40 + "]"])
def test_whole_numbers_beyond_64_bits_are_refused_where_they_stand(value):
    with pytest.raises(ValueError, match=r"\[train\]: l2.* at most 9,223,372,036,854,775,807, got 1000"):
        Recipe.from_toml(FIT + f"l2 = {value}\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", r"a.toml must be UTF-8 text: invalid start byte at byte 0"),
        (b"a = " + b"[" * 20_000, r"a.toml must be nested less deeply"),
        (b"a = " + b"9" * 5000, r"a.toml: not valid TOML: Exceeds the limit"),
    ],
)
def test_files_of_any_bytes_and_depth_are_refused(content, message, tmp_path):
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Recipe.load(tmp_path / "a.toml")


def test_a_file_of_any_size_is_refused(tmp_path):
    with open(tmp_path / "a.toml", "wb") as file:
        file.truncate(20 << 30)  # sparse: it takes no room
    with pytest.raises(ValueError, match=r"a.toml must have 268,435,456 bytes at most, got 21,474,836,480"):
        Recipe.load(tmp_path / "a.toml")


def test_text_above_the_basic_plane_is_read_from_python_as_from_a_file():
    content = {"name": "tiny", "nets": 1, "data": {"name": "digits"}, "net": {"name": "mlp"}, "train": {"steps": 1}}
    assert Recipe.from_dict({**content, "description": "nets 😀"}).description == "nets 😀"
