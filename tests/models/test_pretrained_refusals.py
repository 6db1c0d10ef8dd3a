"""Weights that cannot be read, or that another network's are, are told in one line that names the source."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from timm.models import _hub

import para_former as pf
from para_former.errors import InputError
from para_former.models.pretrained import read_pretrained
from para_former.models.saving import write_tensors
from tests.models.published import HUB_NAME, HUB_SIZES, PUBLISHED, noisy_vit, write_google
from tests.networks import small_config, small_network


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    """In the middle: the table at the end of the file is whole."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def one_array():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def leave_out(name):
    return lambda path: write_google(path, noisy_vit(PUBLISHED), **{name: None})


def of_other_sizes(**sizes):
    return lambda path: write_google(path, noisy_vit(replace(PUBLISHED, **sizes)))


QUERY = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel"
NORM = "Transformer/encoderblock_1/LayerNorm_2/scale"
WRONG_FILES = {
    "truncated": (cut_off, "not a whole .npz file"),
    "damaged": (flip_a_bit, "not the weights of a plain ViT: Bad CRC-32"),
    "text": (lambda path: path.write_text("no arrays"), "not a whole .npz file"),
    "one array": (lambda path: path.write_bytes(one_array()), "not a whole .npz file"),
    "other names": (lambda path: np.savez(path, weights=np.zeros(3)), "encoderblock_0.*not a file in the archive"),
    "no norm": (leave_out(NORM), f"{NORM} is not a file in the archive"),
    "no positions": (leave_out("Transformer/posembed_input/pos_embedding"), "pos_embedding is not a file"),
    "hybrid": (
        lambda path: write_google(path, noisy_vit(PUBLISHED), **{"conv_root/kernel": np.zeros((7, 7, 3, 24))}),
        "expected a plain ViT, found a hybrid",
    ),
    "pickled": (
        lambda path: write_google(path, noisy_vit(PUBLISHED), **{"embedding/bias": np.array([{}], dtype=object)}),
        "not the weights of a plain ViT: .*allow_pickle=False",
    ),
    "a bias of another width": (
        lambda path: write_google(path, noisy_vit(PUBLISHED), **{"embedding/bias": np.zeros(48, np.float32)}),
        "not the weights of a plain ViT: .*24.*48",
    ),
    "other width": (
        of_other_sizes(width=36),
        "expected the network's width 24, mlp_width 96, found width 36, mlp_width 144$",
    ),
    "width of a name": (
        of_other_sizes(width=192),
        "expected the network's width 24, mlp_width 96, found width 192, mlp_width 768; para_former_2_2 would fit$",
    ),
    "other heads": (of_other_sizes(heads=4), "expected the network's heads 3, found heads 4$"),
    "more blocks": (of_other_sizes(depth=4, layers=4), "expected the network's layers 2, found layers 4$"),
    "other MLP at the width of a name": (
        of_other_sizes(width=192, mlp_ratio=2.0),
        "found width 192, mlp_width 384$",
    ),
    "a size of nothing": (
        lambda path: write_google(path, noisy_vit(PUBLISHED), **{QUERY: np.zeros((24_000, 1, 0), np.float32)}),
        "expected the network's width 24, heads 3, found width 24000, heads 1",
    ),
    "no width": (
        lambda path: write_google(path, noisy_vit(PUBLISHED), **{QUERY: np.zeros((0, 3, 8), np.float32)}),
        "expected the network's width 24, found width 0",
    ),
    "other MLP": (of_other_sizes(mlp_ratio=2.0), "expected the network's mlp_width 96, found mlp_width 48$"),
}


BLOCK = "Transformer/encoderblock_1"
ONES = [  # arrays with an axis of one number where there are more, or without it
    ("cls", (1, 1, 1)),
    ("cls", (24,)),
    ("embedding/kernel", (4, 4, 3, 1)),
    ("embedding/bias", (1,)),
    ("embedding/bias", ()),
    ("Transformer/posembed_input/pos_embedding", (1, 17, 1)),
    ("Transformer/posembed_input/pos_embedding", (1, 1, 24)),
    ("Transformer/posembed_input/pos_embedding", (17, 24)),
    ("Transformer/encoder_norm/scale", (1,)),
    (f"{BLOCK}/LayerNorm_0/bias", (1,)),
    (f"{BLOCK}/LayerNorm_2/scale", (1,)),
    (f"{BLOCK}/MlpBlock_3/Dense_0/kernel", (24, 1)),
    (f"{BLOCK}/MlpBlock_3/Dense_0/kernel", (1, 1)),
    (f"{BLOCK}/MlpBlock_3/Dense_1/bias", (1,)),
    (f"{BLOCK}/MultiHeadDotProductAttention_1/query/bias", (1, 1)),
    (f"{BLOCK}/MultiHeadDotProductAttention_1/value/kernel", (24, 3, 1)),
    (f"{BLOCK}/MultiHeadDotProductAttention_1/out/kernel", (1, 1, 24)),
    (f"{BLOCK}/MultiHeadDotProductAttention_1/out/bias", (1,)),
    ("head/kernel", (24, 1)),
    ("head/bias", (1,)),
]
CONV = replace(PUBLISHED, stem="conv")


def refusal(source, config=PUBLISHED):
    with pytest.raises(InputError) as error:
        read_pretrained(str(source), config)
    assert "\n" not in str(error.value) and str(error.value).count(str(source)) == 1
    return str(error.value)


@pytest.mark.parametrize(("damage", "told"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file_of_googles_is_told_in_one_line(tmp_path, damage, told):
    file = write_google(tmp_path / "ViT.npz", noisy_vit(PUBLISHED))
    damage(file)
    assert re.search(told, refusal(file))


@pytest.mark.parametrize(("name", "shape"), ONES)
def test_an_array_of_googles_is_not_repeated_to_fill_a_larger_one(tmp_path, name, shape):
    file = write_google(tmp_path / "ViT.npz", noisy_vit(PUBLISHED), **{name: np.full(shape, 0.1, np.float32)})
    assert "not the weights of a plain ViT: " in refusal(file)


def test_a_file_is_not_taken_for_less_than_its_folder_says(tmp_path):
    write_tensors(file := tmp_path / "model.safetensors", noisy_vit(PUBLISHED).state_dict())
    (tmp_path / "config.json").write_text("{}")
    assert "expected the folder around it, which says more by its config.json" in refusal(file)


def test_a_wrong_safetensors_file_is_told_in_one_line(tmp_path):
    file, weights = tmp_path / "model.safetensors", noisy_vit(PUBLISHED).state_dict()
    write_tensors(file, {**weights, "blocks.0.ls1.gamma": torch.ones(24)})
    assert "'blocks.0.ls1.gamma' has no place" in refusal(file)
    write_tensors(file, {name: tensor for name, tensor in weights.items() if name != "blocks.1.norm2.bias"})
    assert "'blocks.1.norm2.bias' is missing" in refusal(file)
    write_tensors(file, small_network(torch.float32).state_dict())
    assert "expected a ViT in timm's names, 'pos_embed' among them, found 'embed.cls_token'" in refusal(file)
    write_tensors(file, noisy_vit(replace(PUBLISHED, depth=3, layers=3)).state_dict())
    assert "expected the network's layers 2, found layers 3" in refusal(file)
    assert "expected the network's layers 2, stem conv, found layers 3, stem patch" in refusal(file, CONV)
    cut_off(file)
    assert "not a whole safetensors file" in refusal(file)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"depth": 3}, "expected the network's depth 3, found depth 2"),
        ({"layers": 4}, "expected the network's layers 4, found layers 6"),
        ({"pool": "mean"}, "expected the network's pool mean, found pool cls"),
        ({"residual": "normed"}, "expected the network's residual normed, found residual standard"),
        ({"merge": "mean"}, "expected the network's merge mean, found merge sum"),
        ({"heads": 2}, "expected the network's heads 2, found heads 3"),
    ],
)
def test_a_folder_of_ours_with_another_network_is_told_in_one_line(tmp_path, fields, told):
    model = small_network(torch.float32, depth=2)
    pf.save(model, tmp_path / "run")
    assert told in refusal(tmp_path / "run", replace(model.config, **fields))


def test_a_stem_that_another_network_has_is_told_in_one_line(tmp_path):
    models = {stem: small_network(torch.float32, stem=stem) for stem in ("patch", "conv")}
    for stem, model in models.items():
        pf.save(model, tmp_path / stem)
    patch, conv = (model.config for model in models.values())
    assert "expected the network's stem conv, found stem patch" in refusal(tmp_path / "patch", conv)
    assert "expected the network's stem patch, found stem conv" in refusal(tmp_path / "conv", patch)
    assert "expected the network's in_channels 1, found in_channels 3" in refusal(
        tmp_path / "conv", replace(conv, in_channels=1)
    )
    assert "expected the network's patch_size 2, found patch_size 4" in refusal(
        tmp_path / "conv", replace(conv, patch_size=2)
    )


@pytest.mark.parametrize("name", ["pos_embed", "blocks.0.mlp.fc1.bias", "head.bias"])
def test_a_tensor_without_axes_is_told_in_one_line(tmp_path, name):
    file = tmp_path / "model.safetensors"
    write_tensors(file, {**noisy_vit(PUBLISHED).state_dict(), name: torch.tensor(1.0)})
    assert "not the weights of a plain ViT" in refusal(file)


@pytest.mark.parametrize("name", ["nowhere.npz", "nowhere", "file.bin", "empty"])
def test_what_is_no_weights_at_all_is_told_in_one_line(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.bin").touch()
    assert "expected" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "vit_base_patch16_224.orig_in21k",
            "found layers 12, width 768, mlp_width 3072, heads 12; para_former_base_6_12 would fit",
        ),
        ("resnet18.a1_in1k", "expected a plain ViT of timm's, found ResNet"),
        ("vit_tiny_patch16_224.nobody", "timm cannot load it: Invalid pretrained tag"),
        ("no_such_network", "timm cannot load it: Unknown model"),
    ],
)
def test_a_name_of_timms_that_does_not_fit_is_told_before_anything_is_fetched(monkeypatch, name, told):
    monkeypatch.setattr(_hub, "hf_hub_download", lambda *_, **__: pytest.fail("fetched"))
    assert told in refusal(f"timm:{name}", small_config(**HUB_SIZES | {"mlp_ratio": 4.0}, image_size=32))


def test_a_hub_that_is_away_is_told_in_one_line(monkeypatch):
    def away(*_, **__):
        raise ConnectionError("the hub is away\nand here is why")

    monkeypatch.setattr(_hub, "hf_hub_download", away)
    assert refusal(f"timm:{HUB_NAME}", small_config(**HUB_SIZES, image_size=32)).endswith("the hub is away")
