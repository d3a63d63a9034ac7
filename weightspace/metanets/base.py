"""The base of all metanets: what they take, give, declare and how they are kept."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import Layout, to_graph
from weightspace.metanets.config import MetanetConfig, read_config
from weightspace.space import WeightSpace

CONFIG, WEIGHTS = "config.json", "model.safetensors"


class Metanet(
    nn.Module, PyTorchModelHubMixin, ABC, library_name="weightspace", tags=["weight-space"], license="apache-2.0"
):
    """A network whose input is the weights of networks.

    It is made from one frozen `Config` and nothing else; what it learned about its inputs (normalisation, spaces) is
    saved with it. ``metanet(batch)`` takes what `to_graph` gives and returns, as ``config.head`` says,

    - ``"graph"``: ``[nets, outputs]``, the same for all members of an orbit,
    - ``"weights"``: a dict with a change for every tensor, ``[nets, ...]``, which moves as the weights move,
    - ``"neurons"``: ``[nodes, outputs]``, which moves as the neurons move.

    Attributes:
        symmetries: the kinds of symmetry for which that holds exactly (a subset of "permutation", "scale", "sign").
        heads: the heads that the class has.

    Example::

        metanet = SpaceNet.for_spaces(space, outputs=2).fit_statistics({space: train_weights})
        prediction = metanet(to_graph(space, weights))
        metanet.save_pretrained("folder")
        metanet = load_metanet("folder")
    """

    Config: ClassVar[type[MetanetConfig]]
    symmetries: ClassVar[tuple[str, ...]] = ("permutation",)
    heads: ClassVar[tuple[str, ...]] = ("graph",)

    def __init__(self, config: MetanetConfig):
        super().__init__()
        if not isinstance(config, self.Config):
            raise TypeError(f"{type(self).__name__} needs a {self.Config.__name__}, got {type(config).__name__}.")
        if config.head not in self.heads:
            raise ValueError(f"{type(self).__name__} has the heads {', '.join(self.heads)}, got {config.head!r}.")
        self.config = config
        self.spaces = config.spaces
        self.layout = Layout.of(*self.spaces)
        self.register_forward_pre_hook(_same_kind)
        self._hub_mixin_config = {"metanet": type(self).__name__, **config.to_dict()}

    @classmethod
    def for_spaces(cls, *spaces: WeightSpace, **settings: Any) -> "Metanet":
        """A metanet for nets of these spaces; ``settings`` are fields of its `Config`."""
        return cls(cls.Config(spaces=spaces, **settings))

    @abstractmethod
    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        """What ``config.head`` says, for every net of the batch."""

    def fit_statistics(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> "Metanet":
        """Set the normalisation of the inputs from training nets; saved with the metanet.

        Args:
            weights: for each space the stacked weights of its training nets.
        """
        del weights
        return self

    def loss(self, graph: Data | Batch, target: Tensor) -> Tensor:
        """What training makes small: the mean squared error against ``target`` ``[nets, outputs]``.

        With ``config.classes`` it is the cross-entropy of the logits against the numbers of the classes ``[nets]``.
        """
        if self.config.classes:
            return nn.functional.cross_entropy(self(graph), target)
        return (self(graph) - target).square().mean()

    def graph(self, space: WeightSpace, weights: Mapping[str, Tensor]) -> Data | Batch:
        """`to_graph` in the layout of this metanet, which holds all of its spaces."""
        return to_graph(space, weights, self.layout)

    def _save_pretrained(self, save_directory: Path) -> None:
        state = {name: tensor.detach().contiguous().clone() for name, tensor in self.state_dict().items()}
        save_file(state, save_directory / WEIGHTS, metadata={"metanet": type(self).__name__})

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> "Metanet":
        """Load a metanet that `save_pretrained` wrote, from a folder or a repository of the Hub.

        Args:
            pretrained_model_name_or_path: the folder, or ``"owner/name"``.
            options: ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``, ``map_location``.

        Raises:
            ValueError: the configuration or the tensors aren't those of this class; nothing is loaded in part.
        """
        data = read_json(pretrained_model_name_or_path, options)
        name = data.pop("metanet", None)
        if name != cls.__name__:
            raise ValueError(f"{pretrained_model_name_or_path} holds a {name}, not a {cls.__name__}. Use load_metanet.")
        config = read_config(cls.Config, data, f"{pretrained_model_name_or_path}/{CONFIG}")
        return super().from_pretrained(pretrained_model_name_or_path, config=config, **options)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        map_location: str = "cpu",
        **model_kwargs: Any,
    ) -> "Metanet":
        options = {"revision": revision, "cache_dir": cache_dir, "force_download": force_download}
        options |= {"local_files_only": local_files_only, "token": token}
        metanet = cls(**model_kwargs)
        _load_strictly(metanet, _fetch(model_id, WEIGHTS, options), map_location)
        return metanet.to(map_location).eval()


def unknown_space(metanet: Metanet, space: WeightSpace) -> ValueError:
    """The error for a net whose architecture a metanet can't take; says which classes can."""
    known = ", ".join(own.hash for own in metanet.spaces)
    return ValueError(
        f"This {type(metanet).__name__} was made for the weight spaces {known}, got a net of {space.hash}. Make one "
        "with for_spaces() for all spaces that come, or take a class that runs on any graph: SpaceNet, GraphMetanet, "
        "NeuralGraphGNN, NeuralGraphTransformer, ScaleGMN, PyGMetanet."
    )


def _same_kind(metanet: nn.Module, inputs: tuple[Any, ...]) -> None:
    """See that the batch is of the metanet's floating type and on its device, before they meet in a product."""
    own, given = next(metanet.parameters(), None), inputs[0]["x"] if inputs else None
    if own is None or given is None:
        return
    cast = torch.is_autocast_enabled(given.device.type) and given.dtype != torch.float64
    if own.device != given.device or (own.dtype != given.dtype and not cast):
        raise ValueError(
            f"The nets must be of the metanet's floating type and on its device, {own.dtype} on {own.device}, got "
            f"{given.dtype} on {given.device}. Convert the weights, or the metanet: metanet.to(tensor)."
        )


def read_json(source: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a saved metanet, from a folder or a repository."""
    return json.loads(_fetch(source, CONFIG, options).read_text(encoding="utf-8"))


def _fetch(source: str | Path, name: str, options: Mapping[str, Any]) -> Path:
    folder = Path(source)
    if folder.is_dir():
        if not (folder / name).is_file():
            raise ValueError(f"A saved metanet has {CONFIG} and {WEIGHTS}; {folder} has no {name}.")
        return folder / name
    keys = ("revision", "cache_dir", "force_download", "local_files_only", "token")
    known = {key: options[key] for key in keys if options.get(key) is not None}
    return Path(hf_hub_download(str(source), name, **known))


def _load_strictly(metanet: nn.Module, path: Path, device: str) -> None:
    saved, own = load_file(path, device=device), metanet.state_dict()
    missing, unknown = sorted(set(own) - set(saved)), sorted(set(saved) - set(own))
    shapes = [
        f"{name} {tuple(saved[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(set(own) & set(saved))
        if saved[name].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        raise ValueError(
            f"{path} doesn't hold the tensors of {type(metanet).__name__}; missing: {missing or 'none'}, unknown: "
            f"{unknown or 'none'}, of another shape: {shapes or 'none'}. Nothing was loaded."
        )
    metanet.load_state_dict(saved)
