"""Shows on a zoo what the toolkit promises: spaces found, graphs exact, predictions blind to permutation."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from weightspace.graphs import from_graph, to_graph
from weightspace.metanets import Metanet
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.prediction.files import predict_files
from weightspace.zoo import Zoo


def inspect_spaces(zoo: Zoo) -> list[str]:
    """Traces each architecture of a zoo anew, compares with what is stored, turns its nets into graphs and back.

    Returns:
        A sentence about each weight space.

    Raises:
        ValueError: if a traced space isn't the stored one, or a graph doesn't give back its weights bit for bit.
    """
    sentences = []
    for key, part in zoo.by_space().items():
        module: Any = part.module(0)
        traced = WeightSpace.trace(module, *module.example_inputs())
        if traced != part.space:
            raise ValueError(f"The weight space {key} of the zoo isn't the one traced from its net, {traced.hash}.")
        weights = part.weights()
        graphs: Any = to_graph(traced, weights)
        back: Any = from_graph(graphs)
        wrong = [name for name in weights if not torch.equal(back[name], weights[name])]
        if wrong:
            raise ValueError(f"These tensors didn't come back from the graphs as they went in: {', '.join(wrong)}.")
        activations = "/".join(sorted({site.activation for site in traced.sites} - {"none"}))
        sentences.append(
            f"{len(part)} nets with {activations}: {graphs.num_nodes // len(part)} nodes and "
            f"{graphs.num_edges // len(part)} edges each, back bit for bit"
        )
    return sentences


def inspect_checkpoint(metanet: Metanet, nets: LabelledNets, out: str | Path, seed: int = 0) -> dict[str, Any]:
    """Writes one net as a checkpoint, and again with its neurons permuted; predicts both from the files.

    Returns:
        File names, predictions, what is true, the largest change of a weight and of a prediction.
    """
    out = Path(out)
    middle = int(nets.labels[:, 0].argsort()[len(nets) // 2])
    ((space, stack, _),) = nets.groups(torch.tensor([middle]))
    weights = {name: tensor[0].contiguous() for name, tensor in stack.items()}
    symmetry = space.random_symmetry(torch.Generator().manual_seed(seed))
    permuted = {name: tensor.contiguous() for name, tensor in space.apply(symmetry, weights).items()}
    files = {out / "checkpoint.safetensors": weights, out / "checkpoint-permuted.safetensors": permuted}
    for path, tensors in files.items():
        save_file(tensors, path, metadata={"space": space.hash})
    own, other = predict_files(metanet, files).values()
    return {
        "files": [path.name for path in files],
        "net": nets.rows[middle].get("net"),
        "true": dict(zip(nets.names, nets.labels[middle].tolist(), strict=True)),
        "predicted": own,
        "predicted_permuted": other,
        "largest_change_of_a_weight": max(float((weights[n] - permuted[n]).abs().max()) for n in weights),
        "largest_change_of_a_prediction": max(abs(own[name] - other[name]) for name in own),
    }
