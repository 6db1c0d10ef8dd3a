"""Hugging Face's parquet files: encoded pictures and integer labels in columns, class names in the schema's metadata.

The pictures are handed on as they are encoded (``pictures.py``).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from para_former.data.pictures import Images, Labels, Picture, read_pictures
from para_former.data.specs import DatasetSpec, check_classes
from para_former.errors import InputError, first_line


def read_parquet(
    spec: DatasetSpec, split: str, folder: Path, files: Sequence[Path], skipped: list[str] | None
) -> tuple[Images, Labels]:
    """All rows of ``split``, whose count is compared before any of them is decoded."""
    paths = [path for path in files if path.name.startswith(f"{split}-")]
    count, expected = 0, spec.counts[split]
    for path in paths:
        with _reading(path):
            count += pq.read_metadata(path).num_rows
    if count != expected:
        raise InputError(f"{folder / split}-*.parquet: expected {expected} rows, found {count}")
    return read_pictures(_pictures(spec, split, paths), count, spec, split, folder, skipped)


def _pictures(spec: DatasetSpec, split: str, paths: Sequence[Path]) -> Iterator[Picture]:
    """Every row; a label that is missing is -1."""
    row = 0
    for path in paths:
        with _reading(path), pq.ParquetFile(path) as file:
            image_column = next((name for name in spec.image_columns if name in file.schema_arrow.names), None)
            if image_column is None or spec.label_column not in file.schema_arrow.names:
                wanted = f"{' or '.join(spec.image_columns)} and {spec.label_column}"
                raise InputError(f"{path}: expected columns {wanted}, found {', '.join(file.schema_arrow.names)}")
            check_classes(spec, _class_names(spec, file.schema_arrow, path), path)
            for batch in file.iter_batches(batch_size=1000, columns=[image_column, spec.label_column]):
                images, labels = batch[image_column], batch[spec.label_column]
                if not pa.types.is_integer(labels.type):
                    raise InputError(f"{path}: expected integers in column {spec.label_column}, found {labels.type}")
                encoded = images
                if pa.types.is_struct(images.type):
                    if images.type.get_field_index("bytes") < 0:
                        raise InputError(f"{path}: expected bytes in column {image_column}, found {images.type}")
                    encoded = images.field("bytes")
                for image, label in zip(encoded.to_pylist(), labels.to_pylist(), strict=True):
                    label = -1 if label is None else min(label, 2**63 - 1)  # is told with the classes that there are
                    yield Picture(f"{split} row {row}", image, label)
                    row += 1


def _class_names(spec: DatasetSpec, schema: pa.Schema, path: Path) -> Sequence[str]:
    """The names that the file gives its labels; the official ones where it gives none."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return [str(name) for name in features.get(spec.label_column, {}).get("names", spec.classes)]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: expected Hugging Face's description of its columns, found: {error}") from None


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what pyarrow and the file system say about ``path`` into one line."""
    try:
        yield
    except InputError:
        raise
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a whole parquet file, found: {first_line(error)}") from error
