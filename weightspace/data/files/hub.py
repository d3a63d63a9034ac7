"""Image collections from the Hub's Parquet files."""

import io
import os
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from weightspace.data.files.checksums import check_examples, check_file, hold_file, hub_checksum
from weightspace.data.files.sources import SOURCES, Source
from weightspace.machine.cache import cache_folder

Arrays = tuple[np.ndarray, np.ndarray]


def fetch_images(name: str) -> tuple[Arrays, Arrays]:
    """Training and test images ``[n, height, width(, channels)]`` in bytes with labels, from the Hub or from cache.

    Checked: the commit is pinned; a file must have the SHA-256 written in ``SOURCES``, or where none is written there
    the one that the Hub announced for it, and that of this user's first download (`hold_file`); the number of images
    must be the published one; the cache has CRCs.

    Raises:
        ConnectionError: no network and nothing cached; says what to do.
        ValueError: a file with another checksum, or a cache that is damaged.
    """
    source = SOURCES[name]
    cache = cache_folder() / f"{name}-{source.revision[:8]}.npz"
    if not cache.exists():
        parts = [_read_parquet(name, source, k) for k in range(2)]
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(f".{os.getpid()}.tmp.npz")
        np.savez(temporary, x_train=parts[0][0], y_train=parts[0][1], x_test=parts[1][0], y_test=parts[1][1])
        os.replace(temporary, cache)
    try:
        with np.load(cache, allow_pickle=False) as held:
            return (held["x_train"], held["y_train"]), (held["x_test"], held["y_test"])
    except (ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{cache} is damaged ({error}); delete it, and it is fetched again") from None


def _read_parquet(name: str, source: Source, part: int) -> Arrays:
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(source.repository, source.files[part], repo_type="dataset", revision=source.revision)
    except Exception as error:  # the Hub has many errors for no network; the first line says which
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConnectionError(
            f"cannot fetch {name} from {source.repository}: {reason}. Without a network, put the files in a folder "
            f"DIR/{name} (IDX files, an .npz, or train/CLASS and test/CLASS folders of images) and give "
            "--data-root DIR or set WEIGHTSPACE_DATA=DIR"
        ) from error
    check_file(Path(path), source.checksums[part] or hub_checksum(Path(path)))
    images, labels = decode_parquet(Path(path), source.column)
    check_examples(str(path), images, labels)
    if len(images) != source.counts[part]:
        raise ValueError(f"{path} must hold {source.counts[part]} images, but holds {len(images)}; fetch it again")
    if not source.checksums[part]:
        hold_file(Path(path), cache_folder() / f"{name}-{source.revision[:8]}-{part}.sha256")
    return images, labels


def decode_parquet(path: Path, column: str) -> Arrays:
    """Images and labels of a Parquet file whose image column holds encoded bytes."""
    import pyarrow.parquet as pq
    from PIL import Image

    table = pq.read_table(path, columns=[column, "label"])
    images = [np.asarray(Image.open(io.BytesIO(row["bytes"]))) for row in table[column].to_pylist()]
    return np.stack(images), table["label"].to_numpy().astype(np.int64)
