"""Para-Former: n transformer modules as n/m parallel branches of depth m over one embedded image, summed.

>>> import para_former as pf
>>> model = pf.create_model("para_former_2_24", num_classes=10)
"""

from para_former import theory
from para_former.errors import InputError
from para_former.execution import prepare, reference
from para_former.models import ModelConfig, ParaFormer, create_model, load, save

__all__ = [
    "InputError",
    "ModelConfig",
    "ParaFormer",
    "create_model",
    "load",
    "prepare",
    "reference",
    "save",
    "theory",
]
