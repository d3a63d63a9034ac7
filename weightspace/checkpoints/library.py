"""Folders of the transformers library: a config.json, and weights as safetensors."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_TOKENS = 8  # of the text that a language model is run on


def is_library_folder(path: str | Path) -> bool:
    """Whether a path is a folder with a config.json."""
    return (Path(path) / "config.json").is_file()


def read_library_folder(path: str | Path) -> tuple[nn.Module, tuple[Tensor, ...], dict[str, Tensor]]:
    """The model of a folder, what it can be run on, and its weights.

    Nothing is fetched, no code of the folder runs, and weights are read from safetensors alone.

    Raises:
        ValueError: transformers isn't installed or doesn't know the architecture; weights are missing, of another
            shape, or no safetensors; the model takes neither tokens nor images.
    """
    path = Path(path)
    try:
        import transformers
    except ImportError:
        raise ValueError(
            f"{path} is a folder of the transformers library, which isn't installed: "
            "pip install 'weightspace[transformers]'."
        ) from None
    kind = _architecture(path, transformers)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        net, told = kind.from_pretrained(
            path, local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True,
            attn_implementation="eager",
        )  # fmt: skip
    except Exception as error:
        raise ValueError(f"{path} can't be read by transformers: {type(error).__name__}: {error}") from error
    for word in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        if told.get(word):
            raise ValueError(f"The weights in {path} don't fit its config.json: {word.replace('_', ' ')} {told[word]}.")
    net.config.use_cache = False
    return net.eval(), _inputs(net, path), {name: tensor.detach() for name, tensor in net.state_dict().items()}


def _architecture(path: Path, transformers: Any) -> Any:
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        names = config["architectures"]
        name = names[0]
    except (ValueError, KeyError, TypeError, IndexError):
        raise ValueError(f"{path / 'config.json'} must be JSON with a list of architectures.") from None
    kind = getattr(transformers, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise ValueError(f"{path / 'config.json'} names the architecture {name!r}, which transformers doesn't have.")
    return kind


def _inputs(net: Any, path: Path) -> tuple[Tensor, ...]:
    generator, config = torch.Generator().manual_seed(0), net.config
    if net.main_input_name == "input_ids":
        return (torch.randint(config.vocab_size, (2, _TOKENS), generator=generator),)
    if net.main_input_name == "pixel_values" and isinstance(getattr(config, "image_size", None), int):
        shape = (2, getattr(config, "num_channels", 3), config.image_size, config.image_size)
        return (torch.randn(shape, generator=generator),)
    raise ValueError(f"The model in {path} takes {net.main_input_name}: give --module with example inputs.")
