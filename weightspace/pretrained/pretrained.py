"""How everything that is learned is kept: a folder, or a repository of the Hub, with a configuration and tensors."""

from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from weightspace.hub.modelcard import model_card
from weightspace.hub.saved import CARD, CONFIG, TAGS, WEIGHTS, publish_saved
from weightspace.hub.source import OPTIONS, find_file
from weightspace.pretrained.config import SavedConfig, read_config
from weightspace.reading import Unread, read_text_file
from weightspace.reading import read_json as read_json_text

FORMAT = 1


P = TypeVar("P", bound="Pretrained")


class Pretrained(nn.Module, PyTorchModelHubMixin, ABC, library_name="weightspace", tags=TAGS):
    """A module made from one frozen `Config`, which is saved with its tensors and loaded strictly.

    What it learned about its inputs beside its parameters (normalisation, training nets) are buffers.

    Attributes:
        purpose: what modules of the class are for, a sentence of their card.
        usage: how one is loaded, Python in their card.
    """

    Config: ClassVar[type[SavedConfig]]
    purpose: ClassVar[str] = "Reads or writes the weights of networks."
    usage: ClassVar[str] = 'import weightspace as ws\n\nloaded = ws.load_metanet("path/or/owner/name")'

    def __init__(self, config: SavedConfig):
        super().__init__()
        if not isinstance(config, self.Config):
            raise TypeError(f"{type(self).__name__} needs a {self.Config.__name__}, got {type(config).__name__}.")
        self.config = config
        self._hub_mixin_config = {"metanet": type(self).__name__, "format": FORMAT, **config.to_dict()}

    def _save_pretrained(self, save_directory: Path) -> None:
        state = {name: tensor.detach().contiguous().clone() for name, tensor in self.state_dict().items()}
        save_file(state, save_directory / WEIGHTS, metadata={"metanet": type(self).__name__})

    def generate_model_card(self, **options: Any) -> ModelCard:
        """The card that `save_pretrained` writes where there is none; it names no licence."""
        del options
        return ModelCard(model_card(self))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        license: str | None = None,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        card: str | None = None,
    ) -> str:
        """Publishes it as a repository of the Hub and says its address; `load_metanet` loads it from there.

        Args:
            repo_id: ``"owner/name"``; made if it isn't there.
            license: such as ``"apache-2.0"``; needed unless the card names one.
            private, revision, token: as for `weightspace.hub.saved.publish_saved`.
            card: the text of README.md; what `generate_model_card` says if None.

        Raises:
            ValueError: no licence, or a repository that holds something else.
            PermissionError, ConnectionError: the Hub doesn't let you write, or can't be reached.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            if card is not None:
                (Path(folder) / CARD).write_text(card, encoding="utf-8")
            return publish_saved(
                Path(folder), repo_id, license=license, private=private, revision=revision, token=token
            )

    @classmethod
    def from_pretrained(cls: type[P], pretrained_model_name_or_path: str | Path, **options: Any) -> P:
        """Load what `save_pretrained` wrote, from a folder, from the package or from a repository of the Hub.

        Args:
            pretrained_model_name_or_path: as `weightspace.hub.source.find_file` takes it: a folder, the name of a net
                that ships with the package, or ``"owner/name"``.
            options: ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``, ``map_location``;
                others go to the class, as the ``module`` of a `ProbeNet` does.

        Raises:
            ValueError: the configuration or the tensors aren't those of this class; nothing is loaded in part.
        """
        data = read_json(pretrained_model_name_or_path, options)
        name = data.pop("metanet", None)
        if name != cls.__name__:
            raise ValueError(f"{pretrained_model_name_or_path} holds a {name}, not a {cls.__name__}. Use load_metanet.")
        config = read_config(cls.Config, data, f"{pretrained_model_name_or_path}/{CONFIG}")
        device = options.get("map_location", "cpu")
        model = cls(
            config, **{name: value for name, value in options.items() if name not in (*OPTIONS, "map_location")}
        )
        _load_strictly(model, find_file(pretrained_model_name_or_path, WEIGHTS, options), device)
        return model.to(device).eval()


def read_json(source: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a saved metanet, from a folder or a repository.

    Raises:
        ValueError: it isn't a JSON object, or doesn't say of which class it is.
    """
    root = read_json_text(read_text_file(find_file(source, CONFIG, options)), f"{source}/{CONFIG}")
    entries = root.entries()
    if "metanet" not in entries:
        raise ValueError(
            f"{source} wasn't saved by weightspace: its {CONFIG} names no metanet. A checkpoint of another library is "
            "read by 'weightspace predict METANET CHECKPOINT'."
        )
    entries["metanet"].text()
    newest = entries.get("format", Unread(FORMAT, f"{root.place}: format")).whole(least=1)
    if newest > FORMAT:
        raise ValueError(f"{root.place} has format {newest}, this version reads up to {FORMAT}; update weightspace.")
    return {name: value for name, value in root.value.items() if name != "format"}


def _load_strictly(metanet: nn.Module, path: Path, device: str) -> None:
    """Fill a metanet with the tensors of a file, all of them or none; other floating types are converted."""
    try:
        saved = load_file(path, device=device)
    except SafetensorError as error:
        raise ValueError(f"{path} must be a whole safetensors file, got one with {error}. Copy it again.") from error
    except MemoryError as error:
        raise ValueError(f"{path} must fit into memory to be read, but {error}.") from None
    own = metanet.state_dict()
    missing, unknown = sorted(set(own) - set(saved)), sorted(set(saved) - set(own))
    shared = sorted(set(own) & set(saved))
    shapes = [
        f"{name} {tuple(saved[name].shape)} instead of {tuple(own[name].shape)}"
        for name in shared
        if saved[name].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        raise ValueError(
            f"{path} doesn't hold the tensors of {type(metanet).__name__}; missing: {missing or 'none'}, unknown: "
            f"{unknown or 'none'}, of another shape: {shapes or 'none'}. Nothing was loaded."
        )
    for name in shared:
        _check_tensor(f"{path}: {name}", saved[name], own[name])
    metanet.load_state_dict(saved)


def _check_tensor(name: str, saved: Tensor, own: Tensor) -> None:
    if saved.is_floating_point() != own.is_floating_point() or (
        not own.is_floating_point() and saved.dtype != own.dtype
    ):
        wanted = "of a floating type" if own.is_floating_point() else f"{own.dtype}"
        raise ValueError(f"{name} must be {wanted}, got {saved.dtype}. Nothing was loaded.")
    if saved.is_floating_point() and not bool(torch.isfinite(saved.to(own.dtype)).all()):
        raise ValueError(f"{name} must be finite, got NaN or infinity. Nothing was loaded.")
