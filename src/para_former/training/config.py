"""A training run as one frozen value: every field is a flag of `para-former train`, its text below is the flag's help.

A recipe (`recipes.py`) is a function that returns one; flags override its fields.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from para_former.data import Augment, DatasetSpec
from para_former.errors import InputError
from para_former.models import ModelConfig, model_config
from para_former.models.config import Merge, Pool, Residual
from para_former.records import Record

# Fields that say where a run happens, not what it computes: they stay out of records and may change on resume.
PLACES = ("data_root", "output", "device", "resume")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What to train, on what, how, and where."""

    dataset: str
    """data set: digits, cifar10 or cifar100"""
    model: str = "para_former_1_6"
    """network: para_former_M_N (M modules deep, N in all), or with a size: para_former_base_M_N"""
    recipe: str = "basic"
    """where the defaults of the other flags come from"""
    epochs: int = 30
    """passes over the training split"""
    batch_size: int = 250
    """images in one step"""
    lr: float = 1e-3
    """peak learning rate"""
    warmup_epochs: float = 2.0
    """epochs of linear warm-up, before cosine decay to zero"""
    weight_decay: float = 0.05
    """AdamW's, on the weights of products only"""
    label_smoothing: float = 0.1
    """share of the target spread evenly over all classes"""
    padding: int = 4
    """pixels of zero padding before the random crop; 0 for no crop"""
    flip: bool = True
    """mirror half of the images left-right"""
    patch_size: int = 4
    """pixels along the side of one patch"""
    width: int | None = None
    """numbers in one token; the model name's own when left out"""
    heads: int | None = None
    """attention heads; the model name's own when left out"""
    pool: Pool = "cls"
    """read-out: class token or mean token"""
    merge: Merge = "sum"
    """how branches meet: sum (the paper), mean, or the image's tokens counted once"""
    residual: Residual = "standard"
    """what a module adds to: its input, or its input after the norm"""
    dropout: float = 0.0
    """probability, after the positions, after attention and in the MLP"""
    attention_dropout: float = 0.0
    """probability, on the attention weights"""
    drop_path: float = 0.0
    """stochastic depth, drawn per branch and image"""
    seed: int = 0
    """of the initial weights, the order of the images, their augmentation and dropout"""
    precision: Literal["float32", "bf16"] = "float32"
    """of the products; weights and optimiser stay float32"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""
    output: Path | None = None
    """folder of the run; runs/DATASET/RECIPE/MODEL-sSEED when left out"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""
    resume: bool = False
    """go on with the run in the output folder, from its last whole epoch"""

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("warmup_epochs", 0), ("weight_decay", 0), ("seed", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name}: expected at least {least}, found {getattr(self, name)}")
        if not self.lr > 0:
            raise InputError(f"lr: expected more than 0, found {self.lr}")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"label_smoothing: expected a share in [0, 1), found {self.label_smoothing}")
        Augment(padding=self.padding, flip=self.flip)

    def conditions(self) -> Record:
        """The fields that decide what is computed, as JSON values."""
        return {name: value for name, value in asdict(self).items() if name not in PLACES}

    def first_difference(self, conditions: Record) -> str | None:
        """The first field in which this configuration differs from recorded `conditions`, with both values."""
        own = self.conditions()
        for name in (field.name for field in fields(self) if field.name in own):
            if own[name] != conditions.get(name):
                return f"{name} is {conditions.get(name)!r} there and {own[name]!r} here"
        return None

    def network(self, spec: DatasetSpec) -> ModelConfig:
        """The network that fits the data set."""
        sizes = {name: getattr(self, name) for name in ("width", "heads") if getattr(self, name) is not None}
        return model_config(
            self.model,
            image_size=spec.image_size,
            in_channels=spec.channels,
            num_classes=len(spec.classes),
            patch_size=self.patch_size,
            pool=self.pool,
            merge=self.merge,
            residual=self.residual,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            drop_path=self.drop_path,
            **sizes,
        )

    def folder(self) -> Path:
        """Where the run is kept."""
        return self.output or Path("runs", self.dataset, self.recipe, f"{self.model}-s{self.seed}")
