"""A network as a folder: `model.safetensors` (weights) beside `config.json` (its `ModelConfig`). No pickles.

Both files are on the disk before either is renamed, so no failure leaves half a network; only a kill between the two
renames can leave the new configuration beside the old weights.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from para_former.errors import InputError, first_line
from para_former.models.config import ModelConfig
from para_former.models.outline import outline
from para_former.models.para_former import ParaFormer, expect_para_former
from para_former.records import expect_folder, write_atomically, write_together

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
REQUIRED_FIELDS = {field.name for field in fields(ModelConfig)} - {"stem"}  # which the oldest networks lack


def save(model: ParaFormer, folder: str | Path) -> None:
    """Write `model` to `folder`, made if it does not exist.

    Errors: InputError for another model, or one that its configuration no longer describes (a head that was replaced).
    """
    folder, model = Path(folder), expect_para_former(model)
    expect_folder(folder)
    _expect_tensors(outline(model.config), model.state_dict(), "model: not what its configuration describes")
    config = (json.dumps(asdict(model.config), indent=2) + "\n").encode()
    write_together({folder / CONFIG_FILE: config, folder / WEIGHTS_FILE: _packed(model.state_dict())})


def load(folder: str | Path) -> ParaFormer:
    """The network that `save` wrote to `folder`, in its number formats, on the CPU and in evaluation mode.

    Errors: InputError where a file is missing, cut off, or of another network.
    """
    folder = Path(folder)
    try:
        found = json.loads((folder / CONFIG_FILE).read_text())
        if missing := REQUIRED_FIELDS - set(found):
            raise ValueError(f"{min(missing)!r} is missing")
        config = ModelConfig(**found)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder}: no {CONFIG_FILE} there; expected a folder that pf.save or a finished run wrote, a record alone "
            "has no weights"
        ) from None
    except OSError as error:
        raise InputError(f"{folder / CONFIG_FILE}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{folder / CONFIG_FILE}: not the configuration of a Para-Former: {error}") from None
    path = folder / WEIGHTS_FILE
    weights = {name: tensor.clone() for name, tensor in read_tensors(path).items()}  # where PyTorch would put them
    levels = {name.split(".")[1] for name in weights if name.startswith("levels.")}
    if len(levels) != config.depth:  # before as many are built
        raise InputError(f"{path}: expected {config.depth} levels, found {len(levels)}")
    try:
        model = outline(config)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise InputError(f"{folder / CONFIG_FILE}: no network has these sizes: {first_line(error)}") from None
    load_weights(model, weights, path, assign=True)
    return model.eval()


def load_weights(model: nn.Module, weights: dict[str, Tensor], source: Path, assign: bool = False) -> None:
    """Put `weights` into `model`: the same names and shapes, or an error that names the first that differs.

    With `assign` they take the place of the model's own tensors, each in its own number format.
    """
    _expect_tensors(model, weights, str(source))
    model.load_state_dict(weights, assign=assign)


def _expect_tensors(model: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    expected = model.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        wanted, found = (list(side[name].shape) if name in side else "none" for side in (expected, weights))
        if wanted != found:
            raise InputError(f"{source}: tensor {name!r}: expected shape {wanted}, found {found}")
        wanted, found = expected[name], weights[name]
        if wanted.is_floating_point() != found.is_floating_point():
            raise InputError(f"{source}: tensor {name!r}: expected numbers like {wanted.dtype}, found {found.dtype}")


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file, written beside and renamed."""
    write_atomically(path, _packed(tensors, metadata))


def _packed(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    return save_tensors({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU."""
    try:
        return load_tensors(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected weights in safetensors format") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (SafetensorError, KeyError) as error:  # KeyError: a number format that PyTorch has no name for
        raise InputError(f"{path}: not a whole safetensors file: {error}") from None
