"""What a hub's copy may differ in: the folder, pictures of any size, and classes that are named in another order."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from para_former.data import locate, read_split
from para_former.errors import InputError

FLOWERS = pytest.mark.parametrize("tiny", ["flowers102"], indirect=True)


def name_classes(path, names, column):
    """Write ``path`` anew with class names in its metadata, as the hub's library does."""
    info = {"info": {"features": {column: {"names": list(names), "_type": "ClassLabel"}}}}
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), path)


@pytest.mark.parametrize("folder", ["data", "plain_text"])
def test_the_hubs_folders_are_looked_into(tiny, arrays, parquet_root, folder):
    below = parquet_root / tiny.name / folder
    below.mkdir()
    for path in sorted((parquet_root / tiny.name).glob("*.parquet")):
        path.rename(below / path.name)
    assert locate(tiny, parquet_root).folder == below
    np.testing.assert_array_equal(read_split(tiny, "test", parquet_root)[0], arrays["test"][0])


@FLOWERS
def test_pictures_of_any_size_are_scaled(tiny, tmp_path, write_parquet, encode):
    for split, count in tiny.counts.items():
        shapes = [(20 + row % 7, 20 + row % 5, 3) for row in range(count)]
        pictures = [encode(np.full(shape, row % 256, np.uint8)) for row, shape in enumerate(shapes)]
        path = tmp_path / f"{split}-00000-of-00001.parquet"
        write_parquet(path, pictures, np.arange(count) % tiny.num_classes, image_column="image")
    images, labels = read_split(tiny, "train", tmp_path)
    assert images.shape == (220, tiny.image_size, tiny.image_size, 3)
    assert (images == (np.arange(220) % 256)[:, None, None, None]).all() and labels[101] == 101


def test_named_classes_in_the_official_order(tiny, arrays, parquet_root):
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    name_classes(path, [name.upper() for name in tiny.classes], tiny.label_column)
    np.testing.assert_array_equal(read_split(tiny, "test", parquet_root)[1], arrays["test"][1])


def test_named_classes_in_another_order_are_refused(tiny, parquet_root):
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    name_classes(path, ["airplane", "bird", "automobile", *tiny.classes[3:]], tiny.label_column)
    with pytest.raises(InputError, match=f"^{path}: expected label 1 to mean automobile, found bird$"):
        read_split(tiny, "test", parquet_root)
    name_classes(path, tiny.classes[:9], tiny.label_column)
    with pytest.raises(InputError, match="expected label 9 to mean truck, found nothing$"):
        read_split(tiny, "test", parquet_root)


def test_labels_may_be_unsigned_or_missing(tiny, arrays, parquet_root, write_parquet, encode):
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    table = pq.read_table(path)
    place = table.column_names.index(tiny.label_column)
    unsigned = table.column(tiny.label_column).cast(pa.uint8())
    pq.write_table(table.set_column(place, tiny.label_column, unsigned), path)
    np.testing.assert_array_equal(read_split(tiny, "test", parquet_root)[1], arrays["test"][1])
    missing = pa.array([None, *unsigned.to_pylist()[1:]], pa.uint8())
    pq.write_table(table.set_column(place, tiny.label_column, missing), path)
    with pytest.raises(InputError, match="found 11 different labels, -1..9"):
        read_split(tiny, "test", parquet_root)
    largest = pa.array([2**64 - 1, *unsigned.to_pylist()[1:]], pa.uint64())
    pq.write_table(table.set_column(place, tiny.label_column, largest), path)
    with pytest.raises(InputError, match=f"found 11 different labels, 0..{2**63 - 1}"):
        read_split(tiny, "test", parquet_root)
    pq.write_table(table.append_column(tiny.label_column, unsigned), path)
    with pytest.raises(InputError, match=f"^{path}: expected a whole parquet file, found: "):
        read_split(tiny, "test", parquet_root)


@pytest.mark.parametrize("said", ["[]", "no JSON", "[" * 100_000, '{"info": null}', '{"info": {"features": []}}'])
def test_a_description_of_another_kind_is_refused(tiny, parquet_root, said):
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata({"huggingface": said}), path)
    with pytest.raises(InputError, match=f"^{path}: expected Hugging Face's description of its columns, found: "):
        read_split(tiny, "test", parquet_root)


def test_pictures_without_bytes_are_refused(tiny, parquet_root):
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    table = pq.read_table(path)
    links = pa.array([{"path": "a.png"}] * len(table))
    pq.write_table(table.set_column(table.column_names.index("img"), "img", links), path)
    with pytest.raises(InputError, match=f"^{path}: expected bytes in column img, found struct"):
        read_split(tiny, "test", parquet_root)


def test_unreadable_pictures_are_left_out_by_name(tiny, arrays, parquet_root, write_parquet, encode):
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    images, labels = arrays["test"]
    encoded = [encode(image) for image in images]
    encoded[7], encoded[9] = b"text", None
    write_parquet(path, encoded, labels)
    skipped = []
    read_images, read_labels = read_split(tiny, "test", parquet_root, skipped=skipped)
    kept = np.delete(np.arange(110), [7, 9])
    np.testing.assert_array_equal(read_images, images[kept])
    np.testing.assert_array_equal(read_labels, labels[kept])
    assert skipped == ["test row 7", "test row 9"]
