"""A lead field of stimulation as MNE's forward solution of EEG: one is the other, by reciprocity.

Column i of a lead field is the field E_i of one ampere into electrode i and out of all in equal parts. A dipole p at
r then gives electrode i the potential V_i = - E_i(r) . p against the average of all electrodes (Rush & Driscoll 1969,
doi:10.1109/TBME.1969.4502598): the whole EEG of this finite element head, in volts per ampere metre.

MNE's "MRI" coordinates are the head's own here, m; its "head" coordinates follow from nasion, LPA and RPA.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.exchange.mne.points import spread
from stimplan.head.cortex import Cortex, cortex_of
from stimplan.head.space import has_mni, to_mni_m

if TYPE_CHECKING:
    import mne

    from stimplan.head.model import HeadModel
    from stimplan.leadfield import LeadField

Array = NDArray[np.float64]

DEFAULT_SOURCES = 4000
# Of an Info that is made here; data bring their own.
_SAMPLING_HZ = 1000.0
# Files keep positions in single precision.
_SAME_POINT_M = 1e-6


def forward_of(
    lead_field: LeadField,
    info_or_names: mne.Info | Sequence[str] | None = None,
    *,
    sources: int = DEFAULT_SOURCES,
) -> mne.Forward:
    """The forward solution of EEG on the head of a lead field.

    Parameters
    ----------
    lead_field : LeadField
    info_or_names : mne.Info, sequence of str or None
        The EEG channels, all of which are electrodes of the lead field: those of an Info, in its order, or their
        names; None is every electrode. Positions are those on this head, whatever an Info has.
    sources : int
        Number of sources, about and at most, spread over the cortex.

    Returns
    -------
    mne.Forward
        Free orientation, average reference over the channels, V per A m; left and right cortex as surface source
        spaces with the normals of the head's cortex. `forward["mri_head_t"]` leads from the head's own coordinates
        to MNE's head coordinates.

    Raises
    ------
    InputError
        Channels that the lead field does not have, all of them at once; fewer than two; too few sources.
    """
    import mne

    if isinstance(sources, bool) or not isinstance(sources, int) or sources < 2:
        raise InputError(Problem("sources", f"expected a number of at least 2, got {sources!r}"))
    names = _channels(lead_field, info_or_names)
    montage, trans = _montage_of(lead_field)
    if isinstance(info_or_names, mne.Info):
        info = mne.pick_info(info_or_names, [info_or_names["ch_names"].index(name) for name in names])
    else:
        info = mne.create_info(list(names), _SAMPLING_HZ, "eeg", verbose="ERROR")
    info.set_montage(montage, verbose="ERROR")
    head = lead_field.head
    cortex = cortex_of(head)
    spaces, rows = _source_spaces(cortex, head, sources)
    forward = _empty_forward(info, trans, spaces)
    gain = _gain(lead_field, names, rows)
    # Dipoles along the axes of MNE's head coordinates, one after the other.
    data = (gain @ trans["trans"][:3, :3].T).reshape(len(names), -1)
    forward["sol"]["data"] = data
    forward["_orig_sol"] = data.copy()
    return forward


def _gain(lead_field: LeadField, names: Sequence[str], rows: NDArray[np.int64]) -> Array:
    """(channels, sources, 3) potential against the average of these channels, V per A m, the head's own axes."""
    chosen = [lead_field.names.index(name) for name in names]
    gain = -np.asarray(lead_field.cortex_V_per_m_per_A[chosen][:, rows], dtype=np.float64)
    return np.asarray(gain - gain.mean(axis=0))


def _channels(lead_field: LeadField, info_or_names: Any) -> tuple[str, ...]:
    """Names of the channels, checked."""
    import mne

    if info_or_names is None:
        return lead_field.names
    if isinstance(info_or_names, mne.Info):
        picks = mne.pick_types(info_or_names, meg=False, eeg=True, exclude=[])
        names = tuple(info_or_names["ch_names"][pick] for pick in picks)
    elif isinstance(info_or_names, str):
        raise InputError(Problem("info_or_names", f"expected an Info or names, got {info_or_names!r}"))
    else:
        names = tuple(info_or_names)
    problems = []
    for name in names:
        if name not in lead_field.names:
            near = get_close_matches(str(name), lead_field.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(lead_field.names)}"
            problems.append(Problem("info_or_names", f"the lead field has no electrode {name!r}{hint}"))
    if len(set(names)) < len(names):
        problems.append(Problem("info_or_names", "a channel comes twice"))
    if len(names) < 2:
        problems.append(Problem("info_or_names", f"an average reference needs two channels, got {len(names)}"))
    if problems:
        raise InputError(problems)
    return names


def _montage_of(lead_field: LeadField) -> tuple[mne.channels.DigMontage, mne.Transform]:
    """Positions of the electrodes, and the way from the head's own coordinates ("MRI") to MNE's head coordinates.

    A head without fiducials has only one kind of coordinates.
    """
    import mne

    places = {patch.electrode.label: np.array(patch.center_m) for patch in lead_field.placement.electrodes}
    marks = lead_field.head.fiducials_m
    if not marks:
        same = mne.transforms.Transform("mri", "head", np.eye(4))
        return mne.channels.make_dig_montage(places, coord_frame="head"), same
    montage = mne.channels.make_dig_montage(
        places, nasion=np.array(marks["Nz"]), lpa=np.array(marks["LPA"]), rpa=np.array(marks["RPA"]), coord_frame="mri"
    )
    return montage, mne.channels.compute_native_head_t(montage)


def _source_spaces(cortex: Cortex, head: HeadModel, sources: int) -> tuple[mne.SourceSpaces, NDArray[np.int64]]:
    """Left and right cortex as surfaces, and the points of the cortex that are sources, in their order."""
    import mne

    across = (to_mni_m(head, cortex.points_m) if has_mni(head) else cortex.points_m)[:, 0]
    has_normal = np.any(cortex.normals != 0, axis=1)
    candidates = np.flatnonzero(has_normal)
    chosen = np.zeros(len(across), dtype=bool)
    chosen[candidates[spread(cortex.points_m[candidates], sources)]] = True
    spaces, rows = [], []
    for number, is_here in ((101, across < 0), (102, across >= 0)):  # FIFF: left and right hemisphere
        here = np.flatnonzero(is_here)
        used = chosen[here]
        if not used.any():
            raise InputError(Problem("sources", f"{int(chosen.sum())} sources leave a hemisphere with none; ask more"))
        spaces.append(_surface_space(cortex, here, used, number=number, subject=head.name))
        rows.append(here[used])
    return mne.SourceSpaces(spaces, {"working_dir": "", "command_line": ""}), np.concatenate(rows)


def _surface_space(
    cortex: Cortex, here: NDArray[np.int64], used: NDArray[np.bool_], *, number: int, subject: str
) -> dict[str, Any]:
    """One hemisphere as MNE's documented dictionary of a surface source space."""
    from mne.io.constants import FIFF

    new = np.full(len(cortex.nodes), -1, dtype=np.int32)
    new[here] = np.arange(len(here))
    triangles = new[cortex.triangles]
    triangles = triangles[np.all(triangles >= 0, axis=1)]
    unknown = dict.fromkeys(("dist", "dist_limit", "nearest", "nearest_dist", "pinfo", "patch_inds", "use_tris"))
    return {
        **unknown,
        "id": number,
        "type": "surf",
        "coord_frame": FIFF.FIFFV_COORD_MRI,
        "rr": np.array(cortex.points_m[here]),
        "nn": np.array(cortex.normals[here]),
        "np": len(here),
        "tris": triangles,
        "ntri": len(triangles),
        "inuse": used.astype(int),
        "vertno": np.flatnonzero(used),
        "nuse": int(used.sum()),
        "nuse_tri": 0,
        "subject_his_id": subject,
    }


def _empty_forward(info: mne.Info, trans: mne.Transform, spaces: mne.SourceSpaces) -> mne.Forward:
    """A forward solution as MNE itself makes it, of these channels and sources, whose numbers are to be replaced.

    It is that of a sphere around all sources: its structure is MNE's own, in every version of MNE.
    """
    import mne

    points = np.concatenate([space["rr"][space["vertno"]] for space in spaces])
    in_head = mne.transforms.apply_trans(trans, points)
    middle = (in_head.min(axis=0) + in_head.max(axis=0)) / 2
    # MNE 1.13 asks whether sources are inside a sphere with their MRI coordinates and its middle in head coordinates;
    # the sphere holds them either way.
    radius = 1.1 * max(float(np.linalg.norm(where - middle, axis=1).max()) for where in (points, in_head))
    sphere = mne.make_sphere_model(
        r0=middle, head_radius=radius / 0.9, relative_radii=(0.9, 1.0), sigmas=(0.33, 0.33), verbose="ERROR"
    )
    return mne.make_forward_solution(info, trans, spaces, sphere, meg=False, eeg=True, verbose="ERROR")


def cortex_rows(forward: mne.Forward, head: HeadModel) -> NDArray[np.int64]:
    """Which point of `cortex_of(head)` each source of a forward solution is, in the order of the sources.

    So the field of stimulation is found where MNE has localised a source.

    Raises
    ------
    InputError
        The sources are not points of this head's cortex.
    """
    import mne
    from scipy.spatial import cKDTree

    own = mne.transforms.apply_trans(mne.transforms.invert_transform(forward["mri_head_t"]), forward["source_rr"])
    distance, rows = cKDTree(cortex_of(head).points_m).query(own)
    farthest_m = float(np.max(distance))
    if not farthest_m <= _SAME_POINT_M:
        far = f"up to {1e3 * farthest_m:.2g} mm away"
        raise InputError(f"the sources are not points of the cortex of head {head.name!r}: they are {far}")
    return np.asarray(rows, dtype=np.int64)
