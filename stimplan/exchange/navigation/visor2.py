"""ANT Neuro visor2's `.mrk`: JSON with coil targets whose axes are those of `stimplan.pose`, in mm of their image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from stimplan.errors import InputError, Problem
from stimplan.exchange.navigation.json_rows import matrix_of, parse_json
from stimplan.exchange.navigation.model import Findings, NavigationFile, NavigationTarget, check_names, matrix_rows

AXES = np.eye(3)
_STATED = {"CoordinateSystem": "ASSOCIATED_IMAGE", "PositionalUnit": "mm", "CoilAxesConvention": "simnibs"}
_IMAGE = {"NIfTI_quatern": 3, "NIfTI_qoffset": 3, "NIfTI_pixdim": 4}
# Header values are written with seven digits at times.
_IMAGE_TOLERANCE = 1e-4


def recognises(text: str) -> bool:
    """Whether the text is a file of visor2."""
    return text.lstrip().startswith("{") and '"TargetMarkers"' in text


def read_visor2(text: str, *, file: str) -> NavigationFile:
    """Coil targets of a file.

    Raises
    ------
    InputError
        Every fault, with its path.
    """
    found, tree = Findings(file), parse_json(text, file=file)
    markers = tree.get("TargetMarkers") if isinstance(tree, dict) else None
    if not isinstance(markers, list):
        found.fault("$.TargetMarkers", "missing; expected a list of markers")
        markers = []
    image = _image(tree, found)
    for number, marker in enumerate(markers):
        _read_marker(marker, f"$.TargetMarkers[{number}]", str(number + 1), found)
    if image is None:
        found.notices.append("the file does not say which image its positions belong to")
    result: NavigationFile = found.result("visor2", "ASSOCIATED_IMAGE", image)
    return result


def _read_marker(marker: Any, where: str, count: str, found: Findings) -> None:
    if not isinstance(marker, dict):
        return found.fault(where, "expected an object")
    target = marker.get("CoilTarget")
    if target is None:
        return found.skip(where, count, f"it is no coil target but {', '.join(marker) or 'empty'}")
    where = f"{where}.CoilTarget"
    if not isinstance(target, dict):
        return found.fault(where, "expected an object")
    given = target.get("Name")
    name = given.strip() if isinstance(given, str) and given.strip() else count
    faults = [
        f"{name!r}: {key} is {target.get(key)!r}, expected {value!r}"
        for key, value in _STATED.items()
        if target.get(key) != value
    ]
    for what in faults:
        found.fault(where, what)
    pose = target.get("CoilPose")
    value = pose.get("RigidTransformMatrix4x4") if isinstance(pose, dict) else None
    matrix = matrix_of(value, found, where=f"{where}.CoilPose.RigidTransformMatrix4x4", name=name)
    if matrix is not None and not faults:
        found.take(where, name, matrix, axes=AXES)
    return None


def _image(tree: Any, found: Findings) -> Mapping[str, Any] | None:
    """Header values of the image, or None where there are none (or nothing but zeros)."""
    configuration = tree.get("Configuration") if isinstance(tree, dict) else None
    info = configuration.get("AssociatedImageInfo") if isinstance(configuration, dict) else None
    if not isinstance(info, dict):
        return None
    image = {}
    for key, length in _IMAGE.items():
        values = info.get(key)
        if not isinstance(values, list) or len(values) != length or not all(map(_is_number, values)):
            found.fault(f"$.Configuration.AssociatedImageInfo.{key}", f"expected {length} numbers")
            return None
        image[key] = tuple(float(value) for value in values)
    return image if any(any(values) for values in image.values()) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def image_header(path: Path) -> Mapping[str, Any]:
    """What visor2 stores about an image: quaternion, offset and voxel sizes of its header.

    Raises
    ------
    InputError
        Not a NIfTI image.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        header = nibabel.load(path).header
        return {
            "NIfTI_quatern": tuple(float(header[f"quatern_{axis}"]) for axis in "bcd"),
            "NIfTI_qoffset": tuple(float(header[f"qoffset_{axis}"]) for axis in "xyz"),
            "NIfTI_pixdim": tuple(float(value) for value in header["pixdim"][:4]),
        }
    except (OSError, KeyError, ValueError, ImageFileError) as error:
        raise InputError(Problem("", f"not a NIfTI image: {error}", file=str(path))) from None


def image_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """In what two image headers differ, in words; empty where positions of one hold in the other."""
    return tuple(
        f"{key} is {one[key]} and {other[key]}"
        for key in _IMAGE
        if not np.allclose(one[key], other[key], rtol=0, atol=_IMAGE_TOLERANCE)
    )


def write_visor2(targets: tuple[NavigationTarget, ...], *, image: Mapping[str, Any] | None = None) -> str:
    """Text of a file of coil targets; `image` as `image_header` gives it."""
    from stimplan import __version__

    check_names(targets)
    configuration: dict[str, Any] = {"SourceInfo": {"AppName": "stimplan", "AppVersion": __version__}}
    if image is not None:
        configuration["AssociatedImageInfo"] = {key: list(image[key]) for key in _IMAGE}
    markers = [
        {
            "CoilTarget": {
                "Name": target.name,
                **_STATED,
                "CoilInfo": {"Type": "", "Id": ""},
                "CoilPose": {"RigidTransformMatrix4x4": matrix_rows(target.pose, AXES)},
            }
        }
        for target in targets
    ]
    return json.dumps({"Configuration": configuration, "TargetMarkers": markers}, indent=2, allow_nan=False) + "\n"
