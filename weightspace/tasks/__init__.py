"""What metanets are trained for: predicting labels of nets, and editing what implicit representations show."""

from typing import TYPE_CHECKING

from weightspace.lazy import lazy_names

if TYPE_CHECKING:
    from weightspace.inr.edits import EDITS
    from weightspace.tasks.comparison.compare import Comparison, compare_methods
    from weightspace.tasks.comparison.ownnets import train_on_checkpoints, train_on_zoo
    from weightspace.tasks.comparison.tables.figures import plot_predictions
    from weightspace.tasks.editing.editnets import EditNets
    from weightspace.tasks.editing.editor import Editor
    from weightspace.tasks.editing.files import edit_files
    from weightspace.tasks.editing.fit import EditConfig, fit_editor
    from weightspace.tasks.labelled.augmentation import AugmentConfig, augment, augment_labelled
    from weightspace.tasks.labelled.domain import compare_domains, domain_of
    from weightspace.tasks.labelled.labellednets import LabelledNets
    from weightspace.tasks.labelled.labelledsplit import LabelledSplit
    from weightspace.tasks.labelled.views import Views
    from weightspace.tasks.prediction.files import predict_files
    from weightspace.tasks.prediction.fit import fit, predict, predict_nets
    from weightspace.tasks.prediction.metrics import (
        Score,
        kendall_tau,
        mean_absolute_error,
        r_squared,
        score,
        tau_ceiling,
    )
    from weightspace.tasks.quickstart.quickstart import QuickstartConfig, run_quickstart
    from weightspace.tasks.training.presets import TRAIN_PRESETS, train_preset
    from weightspace.tasks.training.processes import is_main_process, local_device
    from weightspace.tasks.training.train import train
    from weightspace.tasks.training.trainconfig import TrainConfig

__all__ = [
    "EDITS",
    "TRAIN_PRESETS",
    "AugmentConfig",
    "Comparison",
    "EditConfig",
    "EditNets",
    "Editor",
    "LabelledNets",
    "LabelledSplit",
    "QuickstartConfig",
    "Score",
    "TrainConfig",
    "Views",
    "augment",
    "augment_labelled",
    "compare_domains",
    "compare_methods",
    "domain_of",
    "edit_files",
    "fit",
    "fit_editor",
    "is_main_process",
    "kendall_tau",
    "local_device",
    "mean_absolute_error",
    "plot_predictions",
    "predict",
    "predict_files",
    "predict_nets",
    "r_squared",
    "run_quickstart",
    "score",
    "tau_ceiling",
    "train",
    "train_on_checkpoints",
    "train_on_zoo",
    "train_preset",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.inr.edits": ["EDITS"],
        "weightspace.tasks.comparison.compare": ["Comparison", "compare_methods"],
        "weightspace.tasks.comparison.tables.figures": ["plot_predictions"],
        "weightspace.tasks.comparison.ownnets": ["train_on_checkpoints", "train_on_zoo"],
        "weightspace.tasks.editing.editnets": ["EditNets"],
        "weightspace.tasks.editing.editor": ["Editor"],
        "weightspace.tasks.editing.files": ["edit_files"],
        "weightspace.tasks.editing.fit": ["EditConfig", "fit_editor"],
        "weightspace.tasks.labelled.augmentation": ["AugmentConfig", "augment", "augment_labelled"],
        "weightspace.tasks.labelled.domain": ["compare_domains", "domain_of"],
        "weightspace.tasks.labelled.labellednets": ["LabelledNets"],
        "weightspace.tasks.labelled.labelledsplit": ["LabelledSplit"],
        "weightspace.tasks.labelled.views": ["Views"],
        "weightspace.tasks.prediction.files": ["predict_files"],
        "weightspace.tasks.prediction.fit": ["fit", "predict", "predict_nets"],
        "weightspace.tasks.prediction.metrics": [
            "Score",
            "kendall_tau",
            "mean_absolute_error",
            "r_squared",
            "score",
            "tau_ceiling",
        ],
        "weightspace.tasks.quickstart.quickstart": ["QuickstartConfig", "run_quickstart"],
        "weightspace.tasks.training.presets": ["TRAIN_PRESETS", "train_preset"],
        "weightspace.tasks.training.processes": ["is_main_process", "local_device"],
        "weightspace.tasks.training.train": ["train"],
        "weightspace.tasks.training.trainconfig": ["TrainConfig"],
    },
)
