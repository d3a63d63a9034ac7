"""What metanets are trained for: predicting labels of nets, and editing what implicit representations show."""

from weightspace.tasks.augment import AugmentConfig, augment, augment_labelled
from weightspace.tasks.augment_views import Views
from weightspace.tasks.checkpoint import find_checkpoints, read_checkpoint
from weightspace.tasks.domain import compare_domains, domain_of
from weightspace.tasks.edit_files import edit_files
from weightspace.tasks.edit_nets import EditNets
from weightspace.tasks.edit_train import EditConfig, fit_editor
from weightspace.tasks.editor import Editor
from weightspace.tasks.edits import EDITS
from weightspace.tasks.figures import plot_predictions
from weightspace.tasks.labelled import LabelledNets
from weightspace.tasks.metrics import Score, kendall_tau, mean_absolute_error, r_squared, score, tau_ceiling
from weightspace.tasks.predict import fit, predict, predict_nets
from weightspace.tasks.predict_files import predict_files
from weightspace.tasks.quickstart import QuickstartConfig, run_quickstart
from weightspace.tasks.train import TrainConfig, train
from weightspace.tasks.train_presets import TRAIN_PRESETS, train_preset
from weightspace.tasks.train_processes import is_main_process, local_device

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
    "find_checkpoints",
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
    "read_checkpoint",
    "run_quickstart",
    "score",
    "tau_ceiling",
    "train",
    "train_preset",
]
