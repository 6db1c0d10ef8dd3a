"""A training run as one frozen value: every field is a flag of `para-former train`, its text below is the flag's help.

A recipe (`recipes.py`) is a function that returns one; flags override its fields.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from para_former.data import Augment, DatasetSpec
from para_former.errors import InputError
from para_former.models import ModelConfig, model_config
from para_former.models.config import Merge, Pool, Residual, Stem
from para_former.models.naming import SIZED
from para_former.records import EARLIER, Record

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["cosine", "constant"]
Precision = Literal["float32", "bf16", "fp16"]

# Fields that say where a run happens, not what it computes: they stay out of records and may change on resume.
PLACES = ("data_root", "output", "device", "resume", "tensorboard", "compile", "accumulate")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What to train, on what, how, and where."""

    dataset: str
    """data set: digits, cifar10, cifar100, stl10, pets, flowers102, or folder:PATH for a folder of pictures"""
    model: str = "para_former_1_6"
    """network: para_former_M_N (M modules deep, N in all), or with a size: para_former_base_M_N"""
    recipe: str = "basic"
    """where the defaults of the other flags come from: basic, paper, paper-short, shallow, shallow-conv, modern,
    modern-conv or finetune"""
    pretrained: str | None = None
    """weights to begin with: timm:NAME, a .npz file of Google's, a .safetensors file in timm's names, a run's folder"""
    epochs: int = 30
    """passes over the training split"""
    train_images: int | None = None
    """images of the training split to train on, as many of each class as of any other, the same ones for every seed;
    all when left out"""
    batch_size: int = 250
    """images in one step"""
    optimizer: Optimizer = "adamw"
    """AdamW, Adam, or SGD with momentum 0.9"""
    lr: float = 1e-3
    """peak learning rate"""
    schedule: Schedule = "cosine"
    """after the warm-up: cosine decay to zero, or the peak rate to the end"""
    warmup_epochs: float = 2.0
    """epochs of linear warm-up, at most half of the run"""
    weight_decay: float = 0.05
    """on the weights of linear maps and convolutions, not on biases, norms and tokens"""
    clip_norm: float = 0.0
    """largest norm of all gradients together; 0 for no clipping"""
    ema: float = 0.0
    """decay of the moving average of the weights, which is then what is evaluated and saved; 0 for none. It warms up:
    after t updates it is at most (1 + t) / (10 + t)"""
    label_smoothing: float = 0.1
    """share of the target spread evenly over all classes"""
    augment: Annotated[Augment, tyro.conf.OmitArgPrefixes] = field(default_factory=Augment)
    """what happens to the training images"""
    image_size: int | None = None
    """pixels along the side of the image that the network sees; the data set's own when left out"""
    patch_size: int = 4
    """pixels along the side of one patch; with --stem conv a power of two"""
    stem: Stem = "patch"
    """from pixels to tokens: one linear map per patch, or a few 3x3 convolutions"""
    width: int | None = None
    """embedding dimension; the model name's own when left out"""
    heads: int | None = None
    """attention heads; the model name's own when left out"""
    mlp_ratio: float = 4.0
    """hidden width of the MLP over width"""
    pool: Pool = "cls"
    """read-out: class token or mean token"""
    merge: Merge = "sum"
    """how branches meet: sum (the paper), mean, or the image's tokens counted once"""
    residual: Residual = "standard"
    """what a module adds to: its input, or its input after the norm"""
    dropout: float = 0.0
    """dropout probability, after the positions, after attention and in the MLP"""
    attention_dropout: float = 0.0
    """dropout probability, on the attention weights"""
    drop_path: float = 0.0
    """largest probability of stochastic depth, drawn per branch and image"""
    seed: int = 0
    """of the initial weights, the order of the images, their augmentation and dropout"""
    precision: Precision = "float32"
    """of matrix multiplications; weights and optimiser stay float32"""
    skip_corrupt: bool = False
    """leave out images that cannot be decoded, by name, where the data set allows for it"""
    accumulate: int = 1
    """parts in which a batch passes through the network, to save memory"""
    compile: bool = False
    """compile the step with torch.compile; not on a GPU"""
    tensorboard: bool = False
    """write scalars for TensorBoard beside the record"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""
    output: Path | None = None
    """folder of the run; runs/DATASET/RECIPE/MODEL-sSEED when left out"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""
    resume: bool = False
    """go on with the run in the output folder, from its last whole epoch"""

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("accumulate", 1)):
            self._expect(getattr(self, name) >= least, name, f"at least {least}")
        self._expect(self.train_images is None or self.train_images >= 1, "train_images", "at least 1")
        self._expect(self.pretrained != "", "pretrained", "weights to begin with")
        for name in ("warmup_epochs", "weight_decay", "clip_norm"):
            self._expect(0 <= getattr(self, name) < float("inf"), name, "a number of at least 0")
        self._expect(0 < self.lr < float("inf"), "lr", "a number above 0")
        self._expect(0 <= self.seed < 2**63, "seed", "a whole number from 0 to 2^63 - 1")
        for name, choices in (("optimizer", Optimizer), ("schedule", Schedule), ("precision", Precision)):
            self._expect(getattr(self, name) in choices.__args__, name, f"one of {', '.join(choices.__args__)}")
        self._expect(
            not SIZED.match(self.model) or self.width is None, "width", f"none beside {self.model}, whose name says it"
        )
        for name in ("label_smoothing", "ema"):
            self._expect(0 <= getattr(self, name) < 1, name, "a share in [0, 1)")

    def _expect(self, holds: bool, name: str, expected: str) -> None:
        if not holds:
            raise InputError(f"{name}: expected {expected}, found {getattr(self, name)!r}")

    def conditions(self) -> Record:
        """The fields that decide what is computed, augmentation among them, as JSON values."""
        values = {name: value for name, value in asdict(self).items() if name not in PLACES}
        if self.stem == "conv":
            values["accumulate"] = self.accumulate  # BatchNorm's statistics are those of the parts of a batch
        augment = values.pop("augment")
        return json.loads(json.dumps({**values, **augment, "pretrained": self.pretrained_name()}))

    def first_difference(self, conditions: Record) -> str | None:
        """The first field in which this configuration differs from recorded `conditions`, with both values."""
        conditions = {**EARLIER, **conditions}
        for name, own in self.conditions().items():
            if own != conditions.get(name):
                return f"{name} is {conditions.get(name)!r} there and {own!r} here"
        return None

    def network(self, spec: DatasetSpec) -> ModelConfig:
        """The network that fits the data set."""
        sizes = {name: getattr(self, name) for name in ("width", "heads") if getattr(self, name) is not None}
        return model_config(
            self.model,
            image_size=spec.image_size,  # the data set was loaded for this configuration's
            in_channels=spec.channels,
            num_classes=spec.num_classes,
            patch_size=self.patch_size,
            stem=self.stem,
            mlp_ratio=self.mlp_ratio,
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
        return self.output or Path("runs", self.dataset_label(), self.recipe, f"{self.model}-s{self.seed}")

    def pretrained_name(self) -> str | None:
        """What the weights to begin with are called, wherever they lie."""
        return Path(os.path.abspath(self.pretrained)).name if self.pretrained else None

    def dataset_label(self) -> str:
        """The data set as part of a path: a folder of pictures by its last name."""
        if not self.dataset.startswith("folder:"):
            return self.dataset
        return f"folder-{Path(self.dataset.removeprefix('folder:')).resolve().name}"
