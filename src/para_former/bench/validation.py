"""The planner's predictions beside measured times: how far a reader may trust `para-former plan`."""

from collections.abc import Iterable

from para_former.execution.device import DeviceConstants
from para_former.execution.planner import predict
from para_former.execution.work import Way
from para_former.models import ModelConfig
from para_former.records import Record

CONFIG_FIELDS = ("depth", "layers", "width", "heads", "image_size", "patch_size", "pool")


def predicted_beside_measured(records: Iterable[Record], constants: DeviceConstants) -> list[Record]:
    """One row for each `bench` record and each contender that the planner predicts, "prepared" and "serial".

    `ratio` is predicted / measured median. Records of another kind of device or another number format, and those of
    training, are left out.
    """
    rows = []
    for record in records:
        if record["kind"] != "bench" or record["mode"] != "inference":
            continue
        if (record["device"], record["dtype"]) != (constants.kind, constants.dtype):
            continue
        sizes = {name: record[name] for name in CONFIG_FIELDS}
        if isinstance(sizes["image_size"], list):  # JSON has no tuples
            sizes["image_size"] = tuple(sizes["image_size"])
        config = ModelConfig(**sizes)
        for contender in record["contenders"]:
            if contender["name"] not in Way.__args__:
                continue
            prediction = predict(config, constants, record["batch"], contender["name"])
            measured = contender["ms"]["median"]
            rows.append(
                {
                    **sizes,
                    "tokens": config.tokens,
                    "batch": record["batch"],
                    "contender": contender["name"],
                    "measured_ms": measured,
                    "predicted_ms": prediction.ms,
                    "ratio": prediction.ms / measured,
                    "limit": prediction.limit,
                }
            )
    return rows
