"""Where the image collections come from: pinned files of the Hub, with their checksums."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Two Parquet files at a fixed revision of a dataset repository.

    Args:
        repository: on the Hub.
        revision: commit.
        files: for training and for testing.
        counts: images in them.
        checksums: SHA-256 of the files, or empty where nobody wrote it down: then the Hub's own word is compared, and
            what came first is held from then on (`weightspace.data.files.checksums.hold_file`).
        column: that holds the images.
    """

    repository: str
    revision: str
    files: tuple[str, str]
    counts: tuple[int, int]
    checksums: tuple[str, str] = ("", "")
    column: str = "image"


def _files(folder: str) -> tuple[str, str]:
    return f"{folder}/train-00000-of-00001.parquet", f"{folder}/test-00000-of-00001.parquet"


SOURCES: dict[str, Source] = {
    "mnist": Source(
        "ylecun/mnist",
        "77f3279092a1c1579b2250db8eafed0ad422088c",
        _files("mnist"),
        (60_000, 10_000),
        (
            "f2c01285a9f89399335b00ee4e8d499dc4e46db5e39c74903ce5618d895eb3bf",
            "d49fcf556ce25b002b302e318ce4a11098bbfe5d4499c3f35d7c72297c52374b",
        ),
    ),
    "fashion-mnist": Source(
        "zalando-datasets/fashion_mnist",
        "531be5e2ccc9dba0c201ad3ae567a4f3d16ecdd2",
        _files("fashion_mnist"),
        (60_000, 10_000),
    ),
    "cifar10": Source(
        "uoft-cs/cifar10",
        "0b2714987fa478483af9968de7c934580d0bb9a2",
        _files("plain_text"),
        (50_000, 10_000),
        (
            "8428b53a88a11ac374111006708df51469e315a22ac6d66470afd9c78d2ae883",
            "841389e6f2d64f28bf17310e430aebac20ec3ba611a3c5e231dc93c645ce84de",
        ),
        "img",
    ),
    "svhn": Source(
        "ufldl-stanford/svhn",
        "f9e1717d73324ebbc1ece84267ccd80d0aca0690",
        _files("cropped_digits"),
        (73_257, 26_032),
    ),
}
