"""Every module has a test file of its name, or stands here behind the test file that it is tested through."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "weightspace"
CONTRACTS = {
    "align/test_align.py": """
        align/matching/choice align/matching/descent align/matching/places align/matching/stacks
        align/matching/turns
    """,
    "align/test_barrier.py": """
        align/correct align/matching/learned align/pictures
    """,
    "align/test_lineage.py": """
        align/pairs align/tree
    """,
    "app/test_page.py": """
        app/answers app/browse app/checkpoint app/editing app/generating app/netpictures app/scatter app/space
        app/zoos cli/app
    """,
    "cli/terminal/test_module.py": """
        checkpoints/module
    """,
    "cli/test_align.py": """
        cli/models cli/pack
    """,
    "cli/test_main.py": """
        cli/predict cli/quickstart cli/zoo/info cli/zoo/tools
    """,
    "cli/test_symmetries.py": """
        cli/graph
    """,
    "cli/test_train.py": """
        cli/terminal/metanet
    """,
    "cli/zoo/test_commands.py": """
        cli/zoo/build cli/zoo/export cli/zoo/flags cli/zoo/render
    """,
    "data/test_images.py": """
        data/files/checksums data/files/hub data/files/idx data/files/local data/files/sources
    """,
    "data/test_load.py": """
        data/dataset data/digits
    """,
    "data/test_signals.py": """
        data/shapes data/waves
    """,
    "generators/test_bank.py": """
        generators/densities generators/mixtures nets/stacked/vectors
    """,
    "generators/test_refiner.py": """
        generators/refining/limits generators/marks
    """,
    "optimizers/test_devices.py": """
        optimizers/beside optimizers/resume
    """,
    "generators/test_contracts.py": """
        generators/base generators/fresh generators/load
    """,
    "generators/test_flow.py": """
        generators/flows/components generators/flows/context generators/flows/gradients generators/flows/tokens
        tasks/generation/flows
    """,
    "generators/test_hypernetwork.py": """
        generators/writers/heads
    """,
    "generators/test_start.py": """
        tasks/generation/starting/starts
    """,
    "generators/test_write.py": """
        cli/generate
    """,
    "graphs/test_convert.py": """
        graphs/batch graphs/structure/blocks graphs/structure/entries graphs/structure/features
        graphs/structure/layout graphs/structure/topology graphs/writes
    """,
    "graphs/test_unusual.py": """
        graphs/rows graphs/structure/pieces
    """,
    "hub/test_metanets.py": """
        cli/hub cli/terminal/publishing hub/saved
    """,
    "hub/test_zoos.py": """
        cli/zoo/hub hub/errors hub/publish hub/repository zoo/card zoo/publish
    """,
    "inr/test_edits.py": """
        inr/fields inr/images
    """,
    "metanets/layers/test_responses.py": """
        metanets/layers/passage
    """,
    "metanets/test_compiled.py": """
        metanets/frames/uncompiled
    """,
    "metanets/test_contracts.py": """
        metanets/base metanets/flatmlp metanets/frames/changes metanets/frames/dense metanets/frames/frame
        metanets/frames/make metanets/frames/sparse metanets/graphmetanet metanets/graphnet metanets/inputs/parity
        metanets/inputs/powers metanets/inputs/scaling metanets/inputs/signs metanets/layers/message
        metanets/neuralgraph metanets/neuralgraphtransformer metanets/scalegmn metanets/statnet
    """,
    "metanets/test_spacenet.py": """
        metanets/inputs/depths metanets/inputs/sizes metanets/layers/changes metanets/layers/encoder
        metanets/layers/readers metanets/layers/signed metanets/layers/signed_states
    """,
    "nets/stacked/test_run.py": """
        nets/stacked/adapter nets/stacked/cnn nets/stacked/dropout nets/stacked/mlp nets/stacked/resnet
        nets/stacked/siren nets/stacked/vmap
    """,
    "nets/test_by_name.py": """
        nets/cnn nets/fourier nets/mlp nets/net nets/resnet nets/vit
    """,
    "nets/test_factory.py": """
        nets/named
    """,
    "optimizers/test_forecaster.py": """
        optimizers/extrapolation
    """,
    "optimizers/test_learnedoptimizer.py": """
        optimizers/orthogonal optimizers/settings
    """,
    "optimizers/rule/test_learnedrule.py": """
        optimizers/rule/rulestate
    """,
    "optimizers/test_unfoptimizer.py": """
        optimizers/functionalrule optimizers/widths
    """,
    "pretrained/test_pretrained.py": """
        metanets/load
    """,
    "space/algebra/test_operation.py": """
        space/algebra/causes space/algebra/operator space/algebra/origins space/algebra/record space/algebra/value
    """,
    "space/algebra/test_pending.py": """
        space/algebra/in_parts
    """,
    "space/computation/test_exported.py": """
        space/computation/lines
    """,
    "space/computation/test_probe.py": """
        space/computation/distance space/computation/float64 space/computation/general
    """,
    "space/forms/test_orbits.py": """
        space/forms/entries space/forms/obstacles space/forms/signs
    """,
    "space/rules/test_rules.py": """
        space/algebra/decomposed space/rules/activations space/rules/arrange space/rules/conv space/rules/create
        space/rules/norm space/rules/place space/rules/pointwise space/rules/recurrent
        space/rules/reduce space/rules/registry space/rules/shape space/rules/space space/rules/table
    """,
    "space/test_completeness.py": """
        space/actions/guesses
    """,
    "space/test_matrices.py": """
        space/actions/matrices
    """,
    "space/test_read.py": """
        space/references
    """,
    "space/test_symmetry.py": """
        space/fitting space/spread
    """,
    "space/trace/test_assemble.py": """
        space/algebra/sitebook space/trace/sites
    """,
    "space/trace/test_reader.py": """
        space/trace/known
    """,
    "tasks/adapters/test_answer.py": """
        tasks/adapters/methods tasks/adapters/readers
    """,
    "tasks/adapters/test_questions.py": """
        tasks/adapters/merging
    """,
    "tasks/comparison/jobs/test_editjob.py": """
        tasks/comparison/jobs/editmethod
    """,
    "tasks/comparison/jobs/test_protocol.py": """
        tasks/comparison/baselines/answers
    """,
    "tasks/comparison/jobs/test_predictionjob.py": """
        tasks/comparison/baselines/boosting tasks/comparison/baselines/renders tasks/comparison/jobs/job
        tasks/comparison/jobs/method tasks/comparison/jobs/obstacles
        tasks/comparison/jobs/setup tasks/comparison/jobs/splits tasks/comparison/jobs/workspace
        tasks/prediction/methodrun
    """,
    "tasks/comparison/tables/test_figures.py": """
        palette
    """,
    "tasks/comparison/tables/test_report.py": """
        tasks/comparison/tables/summary
    """,
    "tasks/comparison/test_ownnets.py": """
        tasks/comparison/compare tasks/comparison/tables/table
    """,
    "tasks/editing/test_contracts.py": """
        space/channels
    """,
    "tasks/editing/test_editor.py": """
        inr/average inr/gradient inr/readout tasks/editing/editnets tasks/editing/editsettings tasks/editing/fit
        tasks/editing/measures tasks/editing/refit tasks/editing/wall
    """,
    "tasks/editing/test_files.py": """
        cli/edit
    """,
    "tasks/generation/test_refining.py": """
        tasks/generation/architectures
    """,
    "tasks/generation/test_judge.py": """
        tasks/generation/record tasks/generation/rivals tasks/generation/stage
        tasks/generation/verdict
    """,
    "tasks/generation/test_scripts.py": """
        tasks/generation/novelty_picture tasks/generation/starting/start_picture
    """,
    "tasks/labelled/test_augmentation.py": """
        tasks/labelled/coordinates tasks/labelled/mix tasks/labelled/views
    """,
    "tasks/labelled/test_labelledfiles.py": """
        tasks/labelled/labelsfile
    """,
    "tasks/labelled/test_labellednets.py": """
        tasks/labelled/labelledsplit
    """,
    "tasks/optimization/test_metatrain.py": """
        tasks/optimization/evolution tasks/optimization/imitation
    """,
    "tasks/quickstart/test_quickstart.py": """
        tasks/quickstart/inspection
    """,
    "tasks/training/test_presets.py": """
        tasks/training/trainconfig
    """,
    "tasks/training/test_train.py": """
        tasks/training/compiledcalls tasks/training/log tasks/training/order
    """,
    "zoo/build/test_build.py": """
        zoo/build/worker zoo/train/train
    """,
    "zoo/build/test_faults.py": """
        zoo/compare zoo/folder/folder zoo/folder/manifest zoo/verify
    """,
    "zoo/build/test_grow.py": """
        nets/stacked/blocks zoo/build/finish zoo/build/shards
    """,
    "zoo/build/test_own_data.py": """
        zoo/build/try_net
    """,
    "zoo/imports/test_damaged.py": """
        zoo/imports/foreign zoo/imports/tables
    """,
    "zoo/imports/test_imports.py": """
        zoo/imports/inr zoo/imports/ray zoo/imports/small_cnn zoo/imports/splits
    """,
    "zoo/pictures/test_wall.py": """
        inr/surface
    """,
    "zoo/test_join.py": """
        zoo/info
    """,
    "zoo/train/test_fit.py": """
        zoo/train/saved zoo/train/siren_gradient
    """,
}
"""Test file -> the modules that it tests beside its own: a contract over a list, or parts that are seen at work."""

ELSEWHERE = {f"{module}.py": test for test, names in CONTRACTS.items() for module in names.split()}


def modules() -> list[str]:
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name not in ("__init__.py", "__main__.py")]
    return [path.relative_to(PACKAGE).as_posix() for path in paths]


def mirrored(module: str) -> str:
    return Path(module).with_name(f"test_{Path(module).name}").as_posix()


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_tests(module):
    assert (TESTS / ELSEWHERE.get(module, mirrored(module))).is_file(), f"write tests/{mirrored(module)}"


def test_the_list_is_no_longer_than_it_must_be():
    assert sum(len(names.split()) for names in CONTRACTS.values()) == len(ELSEWHERE)  # none stands there twice
    assert set(ELSEWHERE) <= set(modules())
    assert not [module for module in ELSEWHERE if (TESTS / mirrored(module)).is_file()]
