"""ReadHead: what any reader returns, a label volume or a mesh, with everything that came with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError
from stimplan.head.labelled import LabelVolume
from stimplan.values import frozen_array, frozen_mapping

if TYPE_CHECKING:
    from stimplan.head.mapping import LabelMapping
    from stimplan.head.readers.values import RawMesh
    from stimplan.head.warp import Warp

Form = Literal["sform", "qform"]


def _affine(matrix: Any) -> Any:
    return frozen_array(matrix, name="mni_from_head", shape=(4, 4))


@attrs.frozen
class ReadOptions:
    """What the caller may say about a file that the file does not say itself.

    Attributes
    ----------
    labels : str, Path or None
        Name of a mapping of labels, or a mapping file; None where the kind of file tells it.
    form : {"sform", "qform"} or None
        Which transform of a NIfTI header to use where its two disagree.
    """

    labels: str | Path | None = None
    form: Form | None = None


@attrs.frozen(eq=False)
class ReadHead:
    """A head as it was read; either `volume` or `mesh` is there.

    Attributes
    ----------
    volume : LabelVolume or None
        In the usual tissue numbers.
    mesh : RawMesh or None
    mapping : LabelMapping or None
        What the mesh's tags are, where the caller said so.
    findings : tuple of str
        What a person should know; nothing here kept the head from being read.
    record : mapping
        Reader, files, header, mapping and counts, as plain JSON data.
    mni_from_head : (4, 4) array or None
        Affine to MNI space where the source has one, m.
    warp : Warp or None
        Deformation to MNI space where the source has one.
    fiducials_m : mapping of str to 3-tuples
        Nz, Iz, LPA, RPA where the source has them, head coordinates, m.
    """

    volume: LabelVolume | None = None
    mesh: RawMesh | None = None
    mapping: LabelMapping | None = None
    findings: tuple[str, ...] = ()
    record: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    mni_from_head: NDArray[np.float64] | None = attrs.field(default=None, converter=attrs.converters.optional(_affine))
    warp: Warp | None = None
    fiducials_m: Mapping[str, tuple[float, float, float]] = attrs.field(factory=dict, converter=frozen_mapping)

    def __attrs_post_init__(self) -> None:
        if (self.volume is None) == (self.mesh is None):
            raise HeadError("a head is read as a volume or as a mesh, one of the two")
