"""Recipes: a run is a function that returns its configuration. The table at the end is what `--recipe` knows."""

from collections.abc import Callable
from dataclasses import replace

from para_former.data import Augment, get_spec
from para_former.errors import InputError
from para_former.models.naming import SIZED
from para_former.reports.runs import NAMED
from para_former.training.config import TrainConfig


def _sizes(dataset: str) -> dict[str, int | None]:
    """Pixels of the image that the network sees, None for as stored, and of a patch: 64 patches, 4 of the digits."""
    if dataset in ("digits", "cifar10", "cifar100"):
        return {"image_size": None, "patch_size": 4}
    return {"image_size": 96, "patch_size": 12} if dataset == "stl10" else {"image_size": 128, "patch_size": 16}


def _batch_size(dataset: str) -> int:
    """Large where there are many images, and small where an epoch would otherwise be a handful of steps."""
    return 250 if dataset.startswith("cifar") else 64


def basic(dataset: str) -> TrainConfig:
    """AdamW, warm-up and cosine, label smoothing 0.1, crop and flip: little to go wrong, trains on two CPU cores.

    para-former train --dataset cifar10 --model para_former_1_6 --epochs 30
    """
    if dataset == "digits":  # 8x8 grey, and small enough to train every network in seconds
        return TrainConfig(
            dataset=dataset, epochs=25, batch_size=64, lr=3e-3, patch_size=4, width=64, heads=4, dropout=0.1
        )
    augment = Augment(padding=4, flip=True)
    return TrainConfig(dataset=dataset, batch_size=_batch_size(dataset), augment=augment, **_sizes(dataset))


def paper(dataset: str) -> TrainConfig:
    """The paper's most likely settings. It states 500 epochs and 5 % of train for validation, and no others.

    The rest is from the authors' later code for the same networks: ViT-Tiny's width, Adam at a constant 1e-4, batch
    500, dropout 0.1, RandAugment(2, 14), crop and flip. Where that code and the one behind it differ, it is what came
    nearest to the paper's figures (`fingerprint.py`; `docs/reproduction.md` has the evidence). All sets but
    CIFAR get batches of 64, since 500 would leave Flowers-102 one step an epoch.
    The paper's CIFAR-10 figures: 55.95 with 1-1, 71.53 with 1-24, 79.39 with 6-6 (Tables 2 and 3).

    para-former reproduce --dataset cifar10 --table 2 --recipe paper --precision bf16
    """
    return TrainConfig(
        dataset=dataset,
        recipe="paper",
        epochs=500,
        batch_size=500 if dataset.startswith("cifar") else _batch_size(dataset),
        optimizer="adam",
        lr=1e-4,
        schedule="constant",
        warmup_epochs=0.0,
        weight_decay=0.0,
        label_smoothing=0.0,
        augment=Augment(padding=4, flip=dataset != "digits", randaugment_rounds=2, randaugment_magnitude=14),
        dropout=0.1,
        **_sizes(dataset),
    )


def paper_short(dataset: str) -> TrainConfig:
    """`paper` in the hours of two CPU cores: at ten times the rate, falling along a cosine, half the batch on CIFAR.

    Adam moves a weight by about the rate in a step: there the rates of its 10 epochs add up to those of 100 of `paper`.

    para-former reproduce --dataset cifar10 --table 2 --recipe paper-short --seeds 2 --precision bf16
    """
    settings = {"lr": 1e-3, "schedule": "cosine", "warmup_epochs": 1.0, "batch_size": _batch_size(dataset)}
    return replace(paper(dataset), recipe="paper-short", epochs=10, **settings)


def shallow(dataset: str) -> TrainConfig:
    """For depth 1, in the hours of two CPU cores: `basic` with heads of dimension 16, 12 of them at width 192.

    The query of a branch of depth 1 is the same for every image, so a head is one learned way of weighing the tokens
    before the only MLP: more and smaller heads see more of the image, for a few products per token. Data sets of a few
    thousand pictures get hundreds of epochs, RandAugment, resized crops and mixing, or they are learned by heart.
    `docs/decisions/0007-recipes-for-depth-1.md` has the evidence, one change at a time.

    para-former train --dataset cifar10 --model para_former_1_24 --recipe shallow --precision bf16
    """
    run = replace(basic(dataset), recipe="shallow")
    if dataset == "digits":  # its 4 heads have 16 numbers already
        return run
    run = replace(run, heads=12)
    if dataset.startswith("cifar"):
        return run
    augment = Augment(
        crop_scale=(0.25, 1.0), flip=True, randaugment_rounds=2, randaugment_magnitude=9, mixup=0.8, cutmix=1.0
    )
    return replace(run, epochs=500, augment=augment)


def shallow_conv(dataset: str) -> TrainConfig:
    """`shallow` with a convolutional stem, which halves the image: patches of a power of two.

    para-former train --dataset cifar10 --model para_former_1_6 --recipe shallow-conv --precision bf16
    """
    return _with_stem(shallow(dataset), "shallow-conv")


def modern(dataset: str) -> TrainConfig:
    """The same networks as today's small ViTs are trained: mixing, RandAugment, averaged weights, stochastic depth.

    para-former train --dataset cifar10 --model para_former_6_24 --recipe modern
    """
    return TrainConfig(
        dataset=dataset,
        recipe="modern",
        epochs=200,
        batch_size=_batch_size(dataset),
        warmup_epochs=10.0,
        clip_norm=1.0,
        ema=0.999,
        augment=Augment(
            padding=4,
            flip=dataset != "digits",
            randaugment_rounds=2,
            randaugment_magnitude=9,
            mixup=0.8,
            cutmix=1.0,
            erasing=0.25,
        ),
        drop_path=0.1,
        **_sizes(dataset),
    )


def modern_conv(dataset: str) -> TrainConfig:
    """`modern` with the convolutional stem of `shallow_conv`.

    para-former train --dataset cifar10 --model para_former_6_24 --recipe modern-conv
    """
    return _with_stem(modern(dataset), "modern-conv")


def _with_stem(run: TrainConfig, recipe: str) -> TrainConfig:
    """`run` with the convolutional stem, whose patches are a power of two: on STL-10 of 8 pixels in place of 12."""
    patch_size = 8 if run.dataset == "stl10" else run.patch_size
    return replace(run, recipe=recipe, stem="conv", patch_size=patch_size)


def finetune(dataset: str) -> TrainConfig:
    """Ten epochs from pretrained weights, the paper's Table 4: Para-F-12-12, taken for ViT-B, twelve modules in series.

    The paper states the ten epochs and ImageNet. The rest is from the public code that the authors' later files share
    their loader with (jeonsworld/ViT-pytorch), whose 500 and 1,000 steps enclose the paper's figures: 224 px and patch
    16, SGD at 3e-2 with momentum 0.9, batch 512, cosine after 100 steps of warm-up, norm of the gradients at most 1,
    dropout 0.1, resized crops of 5 to 100 % of the area, no flip, no weight decay. Small sets get batches of 64, since
    512 would leave Flowers-102 ten steps. The paper's figures for it: CIFAR-10 98.62, CIFAR-100 91.36, STL-10 99.47,
    Pets 91.87, Flowers-102 96.89. Not measured here. 86 M parameters at 224 px need a GPU.

    para-former train --dataset cifar10 --recipe finetune --pretrained timm:vit_base_patch16_224.orig_in21k
    """
    return TrainConfig(
        dataset=dataset,
        model="para_former_base_12_12",
        recipe=FINETUNE,
        epochs=10,
        batch_size=512 if dataset.startswith("cifar") else 64,
        optimizer="sgd",
        lr=3e-2,
        warmup_epochs=1.0,
        weight_decay=0.0,
        clip_norm=1.0,
        label_smoothing=0.0,
        augment=Augment(crop_scale=(0.05, 1.0)),
        dropout=0.1,
        **(_sizes(dataset) if dataset == "digits" else {"image_size": 224, "patch_size": 16}),
    )


FINETUNE = "finetune"
CHOICES = NAMED | {"pretrained", "train_images", "precision", "skip_corrupt"}
"""fields that say what a run is of, not how a recipe trains"""
RECIPES: dict[str, Callable[[str], TrainConfig]] = {
    "basic": basic,
    "paper": paper,
    "paper-short": paper_short,
    "shallow": shallow,
    "shallow-conv": shallow_conv,
    "modern": modern,
    "modern-conv": modern_conv,
    FINETUNE: finetune,
}


def get_recipe(name: str, dataset: str) -> TrainConfig:
    """The configuration of recipe `name` for `dataset`."""
    get_spec(dataset)
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}: expected one of {', '.join(RECIPES)}")
    return RECIPES[name](dataset)


def with_model(config: TrainConfig, model: str) -> TrainConfig:
    """`config` for another network; a width of the recipe's own gives way to a name that says one."""
    sizes = {"width": None, "heads": None} if SIZED.match(model) and config.width is not None else {}
    return replace(config, model=model, **sizes)


def changed_settings(config: TrainConfig) -> list[str]:
    """The settings in which a run departs from its recipe, by name: a report puts them behind the recipe's.

    What a run is of (network, data set, images, start, epochs, seed) and its precision are no settings of a recipe, and
    a study's runs, which have a name of their own for theirs, depart from none.
    """
    if config.recipe not in RECIPES:
        return []
    recipe = {"accumulate": 1, **with_model(get_recipe(config.recipe, config.dataset), config.model).conditions()}
    values = {name: value for name, value in config.conditions().items() if name in recipe.keys() - CHOICES}
    return sorted(name for name, value in values.items() if value != recipe[name])


def expect_weights(config: TrainConfig) -> None:
    """Refuse to fine-tune nothing: from scratch, the settings for pretrained weights lead nowhere."""
    if config.recipe == FINETUNE and config.pretrained is None:
        weights = "weights to begin with, --pretrained of para-former train"
        raise InputError(f"--recipe {FINETUNE}: expected {weights}, found none")
