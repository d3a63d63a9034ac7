"""What metanets are trained for: predicting labels of nets, and editing what implicit representations show."""

from weightspace.inr.edits import EDITS
from weightspace.tasks.comparison.figures import plot_predictions
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.editor import Editor
from weightspace.tasks.editing.files import edit_files
from weightspace.tasks.editing.fit import EditConfig, fit_editor
from weightspace.tasks.labelled.augmentation import AugmentConfig, augment, augment_labelled
from weightspace.tasks.labelled.domain import compare_domains, domain_of
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.views import Views
from weightspace.tasks.prediction.files import predict_files
from weightspace.tasks.prediction.fit import fit, predict, predict_nets
from weightspace.tasks.prediction.metrics import Score, kendall_tau, mean_absolute_error, r_squared, score, tau_ceiling
from weightspace.tasks.quickstart.quickstart import QuickstartConfig, run_quickstart
from weightspace.tasks.training.presets import TRAIN_PRESETS, train_preset
from weightspace.tasks.training.processes import is_main_process, local_device
from weightspace.tasks.training.train import TrainConfig, train

__all__ = [
    "EDITS",
    "TRAIN_PRESETS",
    "AugmentConfig",
    "EditConfig",
    "EditNets",
    "Editor",
    "LabelledNets",
    "QuickstartConfig",
    "Score",
    "TrainConfig",
    "Views",
    "augment",
    "augment_labelled",
    "compare_domains",
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
    "train_preset",
]
