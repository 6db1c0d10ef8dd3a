"""A configuration is possible or refused when it is made, with the numbers in the message."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from para_former import InputError, ModelConfig, ParaFormer


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": 4, "layers": 6}, "layers: expected a multiple of depth 4, found 6"),
        ({"width": 100, "heads": 3}, "width: expected a multiple of heads 3, found 100"),
        ({"stem": "conv", "patch_size": 6, "image_size": 30}, "patch_size: expected a power of two .*, found 6"),
        ({"image_size": 30}, "image_size: expected a multiple of patch_size 4, found 30"),
        ({"image_size": (32, 30)}, r"image_size: expected a multiple of patch_size 4, found \(32, 30\)"),
        ({"depth": 0}, "depth: expected a whole number of at least 1, found 0"),
        ({"dropout": 1.0}, r"dropout: expected a probability in \[0, 1\), found 1.0"),
        ({"num_classes": -1}, "num_classes: expected a whole number of at least 0, found -1"),
        ({"width": 24.0}, "width: expected a whole number of at least 1, found 24.0"),
        ({"layers": "6"}, "layers: expected a whole number of at least 1, found '6'"),
        ({"image_size": (32,)}, r"image_size: expected a whole number, or \(height, width\), found \(32,\)"),
        ({"image_size": (32, 32.0)}, r"image_size: expected a whole number, or .*, found \(32, 32.0\)"),
        ({"mlp_ratio": float("nan")}, "mlp_ratio: expected a finite number, .*, found nan"),
        ({"mlp_ratio": float("inf")}, "mlp_ratio: expected .*, found inf"),
    ],
)
def test_impossible_configurations_are_refused(fields, message, no_shape_checks):
    with pytest.raises(InputError, match=message):
        ModelConfig(**fields)


def test_numbers_of_numpys_are_kept_as_pythons_which_json_knows(no_shape_checks):
    sides = [np.int64(32), (np.int32(32), np.int64(16))]
    for side in sides:
        config = ModelConfig(image_size=side, dropout=np.float32(0.5), mlp_ratio=np.float32(2), drop_path=np.float64(0))
        fields = json.loads(json.dumps(dataclasses.asdict(config)))
        assert config == ModelConfig(**fields | {"image_size": config.image_size})
        assert config.image_shape == (side if isinstance(side, tuple) else (side, side))
    assert ModelConfig(image_size=[32, 64]) == ModelConfig(image_size=(32, 64))  # as JSON has it


@given(
    depth=st.integers(-1, 4),
    layers=st.integers(-1, 8),
    image_size=st.integers(-4, 16),
    patch_size=st.integers(-1, 5),
    width=st.integers(-1, 12),
    heads=st.integers(-1, 4),
    mlp_ratio=st.floats(0, 4),
    num_classes=st.integers(-1, 3),
)
def test_constructs_or_refuses_and_never_fails_later(**fields):
    try:
        config = ModelConfig(in_channels=1, **fields)
    except InputError:
        return
    with torch.inference_mode():
        logits = ParaFormer(config).eval()(torch.zeros(1, 1, *config.image_shape))
    assert logits.shape == (1, config.num_classes or config.width)


def test_derived_sizes():
    config = ModelConfig(depth=2, layers=24, image_size=(32, 64), patch_size=8)
    assert (config.branches, config.grid, config.tokens) == (12, (4, 8), 33)
    assert dataclasses.replace(config, pool="mean").tokens == 32


def test_stochastic_depth_rises_linearly_to_its_rate():
    config = ModelConfig(depth=4, layers=4, drop_path=0.2)
    assert [config.drop_path_at(level) for level in range(4)] == pytest.approx([0.05, 0.1, 0.15, 0.2])


@pytest.mark.parametrize("found", [None, "0.1", [0.1]])
@pytest.mark.parametrize("name", ["mlp_ratio", "dropout", "attention_dropout", "drop_path", "head_dropout"])
def test_what_is_no_number_is_named(name, found, no_shape_checks):
    with pytest.raises(InputError, match=f"{name}: expected .*, found {re.escape(repr(found))}"):
        ModelConfig(**{name: found})
