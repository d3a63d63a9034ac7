import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from tests.zoo.build import kill_builds
from weightspace.zoo import Recipe, Zoo, build_zoo, verify_zoo
from weightspace.zoo.folder.manifest import close_zoo
from weightspace.zoo.verify import check_files, check_metrics

BUILD = (
    "import sys; from weightspace.zoo import build_zoo; build_zoo(sys.argv[1], sys.argv[2], workers=2, progress=False)"
)


@pytest.fixture
def copy(zoo, tmp_path):
    shutil.copytree(zoo.path, tmp_path / "copy")
    return tmp_path / "copy"


def change_index(path, column, values):
    table = pq.read_table(path / "index.parquet")
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values)), path / "index.parquet")


def test_a_sound_zoo_is_sound(zoo):
    verdict = verify_zoo(zoo.path, sample=5)
    assert verdict.sound and verdict.files == 6 and verdict.states == 36 and verdict.evaluated == 5


def test_a_flipped_bit_is_found_and_the_rest_is_readable(copy):
    shard = copy / "shards" / "00001.safetensors"
    data = bytearray(shard.read_bytes())
    data[-5] ^= 1
    shard.write_bytes(data)
    verdict = verify_zoo(copy, sample=0)
    assert "shards/00001.safetensors has another checksum than the manifest says" in verdict.problems
    assert sum("has other weights than its checksum says" in line for line in verdict.problems) == 1
    assert len(Zoo(copy).filter(shard=0)[0][0])


def test_a_truncated_shard_is_named(copy):
    shard = copy / "shards" / "00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])
    problems = verify_zoo(copy, sample=40).problems
    assert any("00001.safetensors is damaged" in line for line in problems)
    with pytest.raises(ValueError, match=r"00001.safetensors is damaged .*fetch or build it again"):
        Zoo(copy).filter(shard=1)[0]
    assert len(Zoo(copy).filter(shard=0)[0][0])


def test_a_missing_shard_is_named(copy):
    (copy / "shards" / "00002.safetensors").unlink()
    assert "shards/00002.safetensors is missing" in verify_zoo(copy, sample=0).problems
    with pytest.raises(ValueError, match=r"00002.safetensors is damaged"):
        Zoo(copy).filter(shard=2)[0]


def test_metrics_that_were_changed_are_found(copy):
    change_index(copy, "test_loss", pa.array([0.5] * 36, pa.float32()))
    problems = verify_zoo(copy, sample=36).problems
    assert any("test_loss is 0.5, measured" in line for line in problems)


@pytest.mark.parametrize("row", [-1, 10**6])
def test_rows_past_a_shard_are_refused(copy, row):
    change_index(copy, "row", pa.array([row] * 36, pa.int32()))
    with pytest.raises(ValueError, match=rf"the index points at row {row} of .*00000.safetensors, which has \d+"):
        Zoo(copy)[0]


def test_shards_are_numbers_so_no_path_can_leave_the_folder(copy):
    change_index(copy, "shard", ["../../etc/passwd"] * 36)
    with pytest.raises(ValueError, match=r"column shard must hold whole numbers, but holds string"):
        Zoo(copy)
    change_index(copy, "shard", pa.array([-1] * 36, pa.int32()))
    with pytest.raises(ValueError, match=r"column shard must not be negative"):
        Zoo(copy)


def test_an_index_without_a_needed_column_is_refused(copy):
    pq.write_table(pq.read_table(copy / "index.parquet").drop_columns(["net"]), copy / "index.parquet")
    with pytest.raises(ValueError, match=r"index.parquet lacks column net"):
        Zoo(copy)


def test_an_unknown_space_is_refused(copy):
    change_index(copy, "space", ["feedfacecafe"] * 36)
    with pytest.raises(ValueError, match=r"spaces.json does not know space feedfacecafe"):
        Zoo(copy)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("step", pa.array([-1] * 36, pa.int64()), r"column step must not be negative, and at most"),
        ("net", pa.array([2**60] * 36, pa.int64()), r"column net must not be negative, and at most 9007199254740992"),
        ("split", pa.array([1] * 36), r"column split must hold text, but holds int64"),
        ("status", pa.array([None] * 36, pa.string()), r"column status must have a value in every row"),
        ("row", pa.array([0] * 35 + [None], pa.int32()), r"column row must have a value in every row"),
    ],
)
def test_columns_of_an_index_are_checked(copy, column, values, message):
    change_index(copy, column, values)
    with pytest.raises(ValueError, match=message):
        Zoo(copy)


def test_an_index_that_is_no_whole_file_is_refused(copy):
    (copy / "index.parquet").write_bytes((copy / "index.parquet").read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"index.parquet must be a whole Parquet file .*; fetch or build"):
        Zoo(copy)


def test_a_huge_file_is_not_read_to_notice_it(copy, monkeypatch):
    with open(copy / "shards" / "00001.safetensors", "r+b") as file:
        file.truncate(20 << 30)  # sparse: it takes no room
    hashed = []
    monkeypatch.setattr("weightspace.zoo.verify.file_checksum", lambda path: hashed.append(path.name) or "")
    assert "shards/00001.safetensors has another checksum than the manifest says" in check_files(copy)
    assert "00001.safetensors" not in hashed and "00000.safetensors" in hashed


def test_hyperparameters_are_columns(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"hyperparameters": ["colour"]}))
    with pytest.raises(ValueError, match=r"manifest.json names the hyperparameter 'colour', which index.parquet lacks"):
        Zoo(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "mlp"}, r"spaces.json: \w+.architecture must be a list, got 'mlp'"),
        ({"architecture": [1, {}]}, r"spaces.json: \w+.architecture\[0\] must be text, got 1"),
        ({"space": []}, r"spaces.json: \w+.space must be a table, got \[\]"),
        ({"colour": 1}, r"spaces.json: \w+ must have the keys architecture, space, convention; .*unknown: 'colour'"),
        (
            {"convention": {"net": "siren"}},
            r"convention must have the keys net, .*missing: \['settings', 'shape'",
        ),
        (
            {"convention": {"net": "siren", "settings": {}, "shape": [2**30, 2], "grid": "corners"}},
            r"convention: shape must have axes of 1 point or more, 134,217,728 at most",
        ),
        (
            {"convention": {"net": "siren", "settings": {}, "shape": [2, 2], "grid": "corners"}},
            r"convention.net must be 'mlp', as the architecture says, got 'siren'",
        ),
    ],
)
def test_architectures_are_read_through_types(copy, change, message):
    spaces = {name: entry | change for name, entry in json.loads((copy / "spaces.json").read_text()).items()}
    (copy / "spaces.json").write_text(json.dumps(spaces))
    with pytest.raises(ValueError, match=message):
        Zoo(copy)


def test_a_weight_space_that_is_none_and_an_architecture_of_other_weights_are_named(copy):
    spaces = json.loads((copy / "spaces.json").read_text())
    for entry in spaces.values():
        entry["architecture"][1]["hidden"] = [8000] * 200
    (copy / "spaces.json").write_text(json.dumps(spaces))
    zoo = Zoo(copy)
    with pytest.raises(ValueError, match=r"net 0 of .* has other weights than the mlp of its settings; check"):
        zoo.module(0)
    for entry in spaces.values():
        entry["space"]["sites"] = 5
    (copy / "spaces.json").write_text(json.dumps(spaces))
    with pytest.raises(ValueError, match=r"spaces.json: \w+.space: weight space: sites must be a list, got 5"):
        _ = Zoo(copy).filter(net=0).space


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors, name: {name: tensors[name].double()}, r"linears.0.bias must be of float32, got torch.float64"),
        (lambda tensors, name: {name + "x": tensors[name]}, r"not in the space: \['linears.0.biasx'\]"),
    ],
)
def test_tensors_of_another_type_or_name_are_refused(copy, change, message):
    space = Zoo(copy).filter(net=0).table["space"][0].as_py()
    file, name = copy / "shards" / "00000.safetensors", f"{space}/linears.0.bias"
    save_file(load_file(file) | change(load_file(file), name), file)
    with pytest.raises(ValueError, match=message):
        Zoo(copy).filter(net=0)[0]


def test_an_index_without_a_metric_is_noticed(copy):
    change_index(copy, "gap", ["big"] * 36)
    with pytest.raises(ValueError, match=r"column gap must hold numbers, but holds string"):
        Zoo(copy)
    pq.write_table(pq.read_table(copy / "index.parquet").drop_columns(["gap"]), copy / "index.parquet")
    assert "the index lacks the columns gap" in verify_zoo(copy, sample=0).problems
    pq.write_table(pq.read_table(copy / "index.parquet").slice(0, 0), copy / "index.parquet")
    with pytest.raises(ValueError, match=r"must have a row for every saved state, but has none"):
        Zoo(copy)


@pytest.mark.parametrize("text", ["{}", "not json", '{"format": "x"}'])
def test_a_damaged_manifest_is_named(copy, text):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest.json(: format)? must be"):
        Zoo(copy)


def test_a_newer_format_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ValueError, match=r"has format 99, but this version reads up to 1; update weightspace"):
        Zoo(copy)


def test_a_changed_recipe_is_refused_half_way(recipe, tmp_path, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("weightspace.zoo.build.build.build_shard", stop)
    with pytest.raises(KeyboardInterrupt):
        build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    changed = Recipe.from_toml(recipe.text.replace("steps = 12", "steps = 13"))
    with pytest.raises(ValueError, match=rf"{recipe.hash} is there, tiny {changed.hash} was given"):
        build_zoo(changed, tmp_path / "zoo", workers=1, progress=False)


def test_a_folder_that_cannot_be_written_is_named(recipe, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(PermissionError, match=r"cannot write to .*zoo: Permission denied; choose another folder"):
        build_zoo(recipe, tmp_path / "zoo", progress=False)


def test_a_full_disk_leaves_no_half_shard(recipe, tmp_path, monkeypatch):
    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("weightspace.zoo.folder.shard.save_file", full)
        with pytest.raises(OSError, match=r"No space left on device"):
            build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    assert not list((tmp_path / "zoo" / "shards").iterdir())
    assert len(build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)) == 36


@pytest.mark.slow
@pytest.mark.parametrize(("rounds", "workers", "least"), [(18, 1, 9), (2, 2, 1)])
def test_kill_at_random_moments_then_go_on(recipe, zoo, tmp_path, rounds, workers, least):
    """Twenty moments: eighteen within the building itself, two with worker processes whose builder is gone."""
    (tmp_path / "recipe.toml").write_text(recipe.text)
    command = [sys.executable, kill_builds.__file__, tmp_path / "recipe.toml", tmp_path / "zoo", rounds, workers]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    run = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, env=environment)
    assert run.returncode == 0 and int(run.stdout) >= least
    whole = build_when_free(recipe, tmp_path / "zoo")
    assert whole.table.drop_columns(["seconds"]).equals(zoo.table.drop_columns(["seconds"]))
    assert verify_zoo(whole.path, sample=3).sound
    assert not list((tmp_path / "zoo").rglob("*.tmp"))


def build_when_free(recipe, out):
    """The same command again; a worker whose builder was killed may live a moment longer."""
    time.sleep(0.5)
    return build_zoo(recipe, out, workers=1, progress=False)


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished(recipe, zoo, tmp_path):
    """The whole process group gets the signal, as from a terminal."""
    (tmp_path / "recipe.toml").write_text(recipe.text.replace("steps = 12", "steps = 2000"))
    command = [sys.executable, "-c", BUILD, str(tmp_path / "recipe.toml"), str(tmp_path / "zoo")]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "zoo").glob(".build/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    finished = list((tmp_path / "zoo").glob(".build/*.parquet"))
    assert finished and not (tmp_path / "zoo" / "manifest.json").exists()
    shards = [tmp_path / "zoo" / "shards" / f"{path.stem}.safetensors" for path in finished]
    before = [shard.stat().st_mtime_ns for shard in shards]
    assert len(build_zoo(tmp_path / "recipe.toml", tmp_path / "zoo", workers=1, progress=False).final()) == 12
    assert [shard.stat().st_mtime_ns for shard in shards] == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nets": 13}, "the manifest says 13 nets, the index has 12"),
        ({"states": 5}, "the manifest says 5 states, the index has 36"),
        ({"name": "other"}, "the manifest says name 'other', recipe.toml has 'tiny'"),
        ({"recipe": "0" * 16}, "the manifest says recipe '0000000000000000', recipe.toml has "),
        ({"hyperparameters": []}, r"the manifest says hyperparameters \[\], recipe.toml has \['activation'"),
        ({"files": {}}, "shards/00001.safetensors is not named in the manifest"),
        ({"weightspace": "9"}, "manifest.json has another checksum than it says"),
    ],
)
def test_a_changed_manifest_is_noticed(copy, change, told):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | change))
    assert re.search(told, "\n".join(verify_zoo(copy, sample=0).problems))


@pytest.mark.parametrize(("column", "value"), [("lr", 0.05), ("split", "train"), ("seed", 1), ("activation", "gelu")])
def test_what_the_index_says_of_a_net_is_drawn_again_and_compared(copy, column, value):
    table = pq.read_table(copy / "index.parquet")
    values = [value, *table[column].to_pylist()[1:]]
    if values[0] == table[column][0].as_py():
        values[0] = "test"
    changed = pa.array(values, table.schema.field(column).type)
    table = table.set_column(table.column_names.index(column), column, changed)
    manifest = json.loads((copy / "manifest.json").read_text())
    close_zoo(
        copy,
        table=table,
        spaces=json.loads((copy / "spaces.json").read_text()),
        card="",
        hyperparameters=manifest["hyperparameters"],
        **{key: manifest[key] for key in ("name", "recipe", "nets")},
    )
    assert re.search(f"net 0 step 0: {column} is .*, the recipe draws", "\n".join(verify_zoo(copy, sample=0).problems))


def test_other_files_are_noticed(copy):
    text = (copy / "recipe.toml").read_text()
    (copy / "recipe.toml").write_text(text + "# more\n")
    assert "recipe.toml has another checksum than the manifest says" in verify_zoo(copy, sample=0).problems
    (copy / "recipe.toml").write_text(text)
    card = (copy / "README.md").read_text()
    (copy / "README.md").write_text(
        card.replace("license: apache-2.0", "license: mit") + "\nWhat people add is theirs.\n"
    )
    assert verify_zoo(copy, sample=0).sound
    (copy / "README.md").write_text(card.replace("12 nets", "13 nets"))
    assert verify_zoo(copy, sample=0).problems[0].startswith("README.md no longer says what it said when the zoo was")
    (copy / "README.md").write_text(card)
    (copy / "shards" / "99999.safetensors").write_bytes(b"x")
    assert verify_zoo(copy, sample=0).problems == ("shards/99999.safetensors is not named in the manifest",)


def test_a_loss_that_is_not_finite_is_sound_where_it_is_measured_so(zoo, monkeypatch):
    row = dict(zoo.row(0), train_loss=None)
    monkeypatch.setattr(Zoo, "row", lambda self, i: row)
    monkeypatch.setattr(Zoo, "evaluate", lambda self, i: {"train_loss": float("inf")})
    assert check_metrics(zoo, 0) == []
    monkeypatch.setattr(Zoo, "evaluate", lambda self, i: {"train_loss": 0.5})
    assert check_metrics(zoo, 0) == ["net 0 step 0: train_loss is None, measured 0.5"]
