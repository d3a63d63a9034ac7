import gzip
import hashlib
import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from weightspace.data import load_dataset, load_signals
from weightspace.data.files.checksums import (
    IDX_MD5,
    IDX_SIZES,
    check_examples,
    check_file,
    check_idx,
    hold_file,
    hub_checksum,
)
from weightspace.data.files.hub import decode_parquet, fetch_images
from weightspace.data.files.idx import read_idx
from weightspace.data.files.local import read_folder
from weightspace.data.files.sources import SOURCES


def write_idx(path, array):
    header = b"\x00\x00\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes()) if path.suffix == ".gz" else header + array.tobytes())


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (30, 6, 6), dtype=np.uint8), np.arange(30) % 3
    return (x[:20], y[:20].astype(np.uint8)), (x[20:], y[20:].astype(np.uint8))


@pytest.fixture
def root(tmp_path, arrays, monkeypatch):
    folder = tmp_path / "mnist"
    folder.mkdir()
    (x, y), (x_test, y_test) = arrays
    write_idx(folder / "train-images-idx3-ubyte.gz", x)
    write_idx(folder / "train-labels-idx1-ubyte.gz", y)
    write_idx(folder / "t10k-images-idx3-ubyte", x_test)
    write_idx(folder / "t10k-labels-idx1-ubyte", y_test)
    monkeypatch.setenv("WEIGHTSPACE_DATA", str(tmp_path))
    return tmp_path


def test_idx_files_of_a_data_root(root, arrays):
    data = load_dataset("mnist", val=4)
    assert [len(data.part(part)[0]) for part in ("train", "val", "test")] == [16, 4, 10]
    assert data.input_shape == (1, 6, 6) and data.classes == 3
    assert abs(data.x_train.mean()) < 1e-5 and abs(data.x_train.std() - 1) < 1e-3
    raw = load_dataset("mnist", val=4, standardize=False)
    torch.testing.assert_close(raw.x_test[:, 0], torch.from_numpy(arrays[1][0]) / 255)
    assert torch.equal(raw.y_test, torch.from_numpy(arrays[1][1]).long())
    signals = load_signals("mnist", val=4)
    assert signals.values.shape == (30, 1, 36) and signals.parts.bincount().tolist() == [16, 4, 10]


def test_images_are_scaled_and_greyed(tmp_path, monkeypatch):
    (tmp_path / "cifar10").mkdir()
    x = np.zeros((6, 4, 4, 3), np.uint8)
    x[..., 0] = 255
    np.savez(tmp_path / "cifar10" / "all.npz", x_train=x, y_train=np.arange(6) % 2, x_test=x, y_test=np.arange(6) % 2)
    monkeypatch.setenv("WEIGHTSPACE_DATA", str(tmp_path))
    grey = load_dataset("cifar10", val=2, grey=True, side=2, standardize=False)
    assert grey.input_shape == (1, 2, 2)
    torch.testing.assert_close(grey.x_train, torch.full((4, 1, 2, 2), 0.299))
    assert load_dataset("cifar10", val=2, standardize=False).input_shape == (3, 4, 4)


def test_folders_of_images(tmp_path, arrays):
    (x, y), (x_test, y_test) = arrays
    for part, images, labels in (("train", x, y), ("test", x_test, y_test)):
        for k, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = tmp_path / part / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{k:03d}.png")
    (read, labels), _ = read_folder(tmp_path)
    order = np.argsort(y, kind="stable")
    assert np.array_equal(read, x[order]) and np.array_equal(labels, y[order])
    Image.fromarray(x[0][:3]).save(tmp_path / "train" / "class0" / "odd.png")
    with pytest.raises(ValueError, match=r"must have one shape, got \[\(3, 6\), \(6, 6\)\]"):
        read_folder(tmp_path)


def test_damaged_files_are_named(tmp_path, arrays):
    with pytest.raises(
        FileNotFoundError, match=r"holds neither IDX files, nor an .npz, nor images in folders by class"
    ):
        read_folder(tmp_path)
    write_idx(tmp_path / "train-images-idx3-ubyte", arrays[0][0])
    whole = (tmp_path / "train-images-idx3-ubyte").read_bytes()
    (tmp_path / "short").write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"short is cut short: shape \(.*20.*\) needs 720 bytes"):
        read_idx(tmp_path / "short")
    (tmp_path / "text").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"text is not an IDX file of bytes: it begins with 68656c6c"):
        read_idx(tmp_path / "text")
    with pytest.raises(FileNotFoundError, match=r"must hold one file train-labels.* but holds 0"):
        read_folder(tmp_path)
    (tmp_path / "npz").mkdir()
    np.savez(tmp_path / "npz" / "a.npz", x_train=arrays[0][0])
    with pytest.raises(ValueError, match=r"a.npz cannot be used: it lacks x_test, y_test, y_train"):
        read_folder(tmp_path / "npz")
    np.savez(tmp_path / "npz" / "a.npz", x_train=np.zeros(3), y_train=0, x_test=0, y_test=0)
    with pytest.raises(ValueError, match=r"a.npz \(train\): images must be bytes, but are float64"):
        read_folder(tmp_path / "npz")


def test_parquet_of_the_hub(tmp_path, arrays, monkeypatch):
    def encode(image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "png")
        return {"bytes": buffer.getvalue(), "path": None}

    for name, (x, y) in zip(("train", "test"), arrays, strict=True):
        columns = {"image": [encode(image) for image in x], "label": y.astype(np.int64)}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    read, labels = decode_parquet(tmp_path / "train.parquet", "image")
    assert np.array_equal(read, arrays[0][0]) and np.array_equal(labels, arrays[0][1])

    def download(repository, file, repo_type, revision):
        assert repo_type == "dataset" and len(revision) == 40
        return str(tmp_path / ("train.parquet" if "train" in file else "test.parquet"))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(ValueError, match=r"train.parquet must have SHA-256 f2c01285.*, got"):
        fetch_images("mnist")
    with pytest.raises(ValueError, match=r"train.parquet must hold 60000 images, but holds 20; fetch it again"):
        fetch_images("fashion-mnist")
    monkeypatch.setitem(SOURCES, "fashion-mnist", replace(SOURCES["fashion-mnist"], counts=(20, 10)))
    (x, _), (_, y_test) = fetch_images("fashion-mnist")
    assert np.array_equal(x, arrays[0][0]) and np.array_equal(y_test, arrays[1][1])
    monkeypatch.delattr("huggingface_hub.hf_hub_download")
    again, _ = fetch_images("fashion-mnist")
    assert np.array_equal(again[0], x)
    (cache,) = (tmp_path / "cache").rglob("*.npz")
    content = bytearray(cache.read_bytes())
    content[300] ^= 1
    cache.write_bytes(content)
    with pytest.raises(ValueError, match=r"fashion-mnist-531be5e2.npz is damaged .*delete it, and it is fetched again"):
        fetch_images("fashion-mnist")


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    def download(*args, **kwargs):
        raise OSError("no route to host\nmore")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(ConnectionError, match=r"cannot fetch svhn .* OSError: no route to host\. .*--data-root DIR"):
        load_dataset("svhn")


def test_a_checksum_is_checked(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    check_file(tmp_path / "a", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    with pytest.raises(ValueError, match=r"must have SHA-256 00, got ba7816bf"):
        check_file(tmp_path / "a", "00")


def test_published_idx_files_must_be_what_was_published(tmp_path, monkeypatch):
    content = b"x" * 100
    monkeypatch.setitem(IDX_SIZES, "t10k-labels", 100)
    monkeypatch.setitem(IDX_MD5["mnist"], "t10k-labels", hashlib.md5(content).hexdigest())
    path = tmp_path / "t10k-labels-idx1-ubyte"
    check_idx(path, content, "mnist")
    check_idx(path, content[:-1], "mnist")  # a selection of one's own
    check_idx(path, b"y" * 100, "cifar10")
    with pytest.raises(ValueError, match=r"must have MD5 .* after decompression, got .*; fetch it again"):
        check_idx(path, b"y" * 100, "mnist")


def test_nothing_cut_short_is_taken(tmp_path, arrays):
    (x, y), (x_test, y_test) = arrays
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", x)
    whole = (tmp_path / "train-images-idx3-ubyte.gz").read_bytes()
    flipped = bytearray(whole)
    flipped[60] ^= 4
    for damaged in (whole[:-20], bytes(flipped)):
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz is damaged: .*; fetch it again"):
            read_idx(tmp_path / "train-images-idx3-ubyte.gz")
    (tmp_path / "npz").mkdir()
    archive = tmp_path / "npz" / "a.npz"
    np.savez(archive, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    whole = archive.read_bytes()
    flipped = bytearray(whole)
    flipped[300] ^= 1
    for damaged in (whole[:-200], bytes(flipped)):
        archive.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a.npz cannot be used: "):
            read_folder(tmp_path / "npz")
    for part in ("train", "test"):
        (tmp_path / "png" / part / "a").mkdir(parents=True)
        Image.fromarray(x[0]).save(tmp_path / "png" / part / "a" / "0.png")
    assert len(read_folder(tmp_path / "png")[0][0]) == 1
    picture = tmp_path / "png" / "test" / "a" / "0.png"
    picture.write_bytes(picture.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"0.png cannot be read as an image"):
        read_folder(tmp_path / "png")


def test_sums_beside_the_files_are_compared(tmp_path, arrays):
    (x, y), (x_test, y_test) = arrays
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    checksum = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{checksum}  a.npz\n")
    assert len(read_folder(tmp_path)[0][0]) == 20
    (tmp_path / "SHA256SUMS").write_text(f"{checksum[:-1]}x *a.npz\n")
    with pytest.raises(ValueError, match=r"a.npz must have SHA-256 .*x, got"):
        read_folder(tmp_path)
    (tmp_path / "SHA256SUMS").write_text(f"{checksum}  b.npz\n")
    with pytest.raises(ValueError, match=r"SHA256SUMS names b.npz, which is missing"):
        read_folder(tmp_path)


def test_images_and_labels_must_fit(arrays):
    x, y = arrays[0]
    check_examples("here", x, y)
    for images, labels, message in (
        (x, y[:-1], r"here: there must be as many labels as images, got 20 and 19"),
        (x[:0], y[:0], r"got 0 and 0"),
        (x, y.astype(float), r"labels must be one whole number an image, but are float64"),
        (x, y.astype(int) - 1, r"labels must not be negative, got -1"),
        (x[0], y, r"images must be \[n, height, width\] or with 1 or 3 channels last, got \(6, 6\)"),
    ):
        with pytest.raises(ValueError, match=message):
            check_examples("here", images, labels)


def test_the_hub_names_its_files_by_checksum(tmp_path):
    checksum = hashlib.sha256(b"abc").hexdigest()
    (tmp_path / checksum).write_bytes(b"abc")
    (tmp_path / "train.parquet").symlink_to(tmp_path / checksum)
    assert hub_checksum(tmp_path / "train.parquet") == checksum
    (tmp_path / "plain").write_bytes(b"abc")
    assert hub_checksum(tmp_path / "plain") == ""


def test_what_came_first_is_held(tmp_path):
    """Collections without a published checksum are recorded at the first download."""
    file, record = tmp_path / "train.parquet", tmp_path / "cache" / "fashion.sha256"
    file.write_bytes(b"abc")
    hold_file(file, record)
    hold_file(file, record)
    assert record.read_text() == hashlib.sha256(b"abc").hexdigest() + "\n"
    file.write_bytes(b"abd")
    with pytest.raises(ValueError, match=r"must have SHA-256 ba7816bf.*, as when it was first downloaded, got"):
        hold_file(file, record)
