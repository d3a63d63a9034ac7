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

from tests.zoo.build import kill_builds
from weightspace.zoo import Recipe, Zoo, build_zoo, verify_zoo
from weightspace.zoo.manifest import close_zoo
from weightspace.zoo.verify import check_metrics

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
        patch.setattr("weightspace.zoo.shard.save_file", full)
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
    (copy / "README.md").write_text("what people write on a card is theirs")
    assert verify_zoo(copy, sample=0).sound
    (copy / "shards" / "99999.safetensors").write_bytes(b"x")
    assert verify_zoo(copy, sample=0).problems == ("shards/99999.safetensors is not named in the manifest",)


def test_a_loss_that_is_not_finite_is_sound_where_it_is_measured_so(zoo, monkeypatch):
    row = dict(zoo.row(0), train_loss=None)
    monkeypatch.setattr(Zoo, "row", lambda self, i: row)
    monkeypatch.setattr(Zoo, "evaluate", lambda self, i: {"train_loss": float("inf")})
    assert check_metrics(zoo, 0) == []
    monkeypatch.setattr(Zoo, "evaluate", lambda self, i: {"train_loss": 0.5})
    assert check_metrics(zoo, 0) == ["net 0 step 0: train_loss is None, measured 0.5"]
