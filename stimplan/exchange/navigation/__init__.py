"""Neuronavigation files: coil positions read from and written for Brainsight, Localite, Softaxic, visor2, NaviNIBS
and SimNIBS, by one table. Every position passes through `stimplan.pose.CoilPose`, so a sheared or left-handed matrix
is refused whatever program wrote it, and what one program calls its axes never reaches another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.exchange.navigation import brainsight, localite, matrices, navinibs, softaxic, visor2
from stimplan.exchange.navigation.model import NavigationFile, NavigationTarget, Skipped, read_text

__all__ = [
    "FORMATS",
    "Format",
    "NavigationFile",
    "NavigationTarget",
    "Skipped",
    "WriteOptions",
    "navigation_text",
    "not_carried",
    "parse_navigation",
    "read_navigation",
]

_BESIDE = {
    "didt_A_per_s": "rate of change of the current",
    "mso_fraction": "stimulator output",
    "recorded_at": "date and time",
    "elapsed_s": "time since the recording began",
    "mep_V": "amplitude of the muscle's response",
}


@attrs.frozen
class WriteOptions:
    """What only some formats have; None takes the format's usual value.

    Attributes
    ----------
    version : int or None
        Of Brainsight's export: 7, 12, 13 or 14.
    coordinate_system : str or None
        Of Brainsight's export: NIfTI:Aligned and the like.
    image : mapping or None
        Header values of the image, for visor2.
    """

    version: int | None = None
    coordinate_system: str | None = None
    image: Mapping[str, Any] | None = None


@attrs.frozen
class Format:
    """One row of the table.

    Attributes
    ----------
    title, suffix : str
    recognises : text -> bool
    read : (text, file) -> NavigationFile
    write : (targets, options) -> text
    carries : tuple of str
        Attributes of a target beside name and pose that the written file has.
    """

    title: str
    suffix: str
    recognises: Callable[[str], bool]
    read: Callable[..., NavigationFile]
    write: Callable[[tuple[NavigationTarget, ...], WriteOptions], str]
    carries: tuple[str, ...] = ()


def _brainsight_text(targets: tuple[NavigationTarget, ...], options: WriteOptions) -> str:
    version = 14 if options.version is None else options.version
    problems = []
    if version not in brainsight.VERSIONS:
        problems.append(Problem("version", f"expected {', '.join(map(str, brainsight.VERSIONS))}, got {version}"))
    system = options.coordinate_system
    if system is not None and not brainsight.is_known_system(system):
        what = f"expected NIfTI:Aligned, NIfTI:Scanner or with Q: or S: in between, got {system!r}"
        problems.append(Problem("coordinate system", what))
    if problems:
        raise InputError(problems)
    return brainsight.write_brainsight(targets, version=version, coordinate_system=system)


def _localite_text(
    targets: tuple[NavigationTarget, ...], options: WriteOptions, *, space: str = "RAS", kind: str = "InstrumentMarker"
) -> str:
    return localite.write_localite(targets, space=space, kind=kind)


def _visor2_text(targets: tuple[NavigationTarget, ...], options: WriteOptions) -> str:
    return visor2.write_visor2(targets, image=options.image)


def _plain(write: Callable[[tuple[NavigationTarget, ...]], str]) -> Callable[..., str]:
    return lambda targets, options: write(targets)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "brainsight": Format(
            "Brainsight, text export 7 to 14", ".txt", brainsight.recognises, brainsight.read_brainsight,
            _brainsight_text,
        ),
        "localite": Format(
            "Localite, instrument markers, RAS", ".xml", localite.recognises, localite.read_localite, _localite_text
        ),
        "localite-lps": Format(
            "Localite, instrument markers, LPS", ".xml", localite.recognises, localite.read_localite,
            partial(_localite_text, space="LPS"),
        ),
        "localite-triggers": Format(
            "Localite, trigger markers, RAS", ".xml", localite.recognises, localite.read_localite,
            partial(_localite_text, kind="TriggerMarker"), ("didt_A_per_s", "mso_fraction", "elapsed_s"),
        ),
        "softaxic": Format(
            "Softaxic", ".stmpx", softaxic.recognises, softaxic.read_softaxic, _plain(softaxic.write_softaxic)
        ),
        "visor2": Format("ANT visor2", ".mrk", visor2.recognises, visor2.read_visor2, _visor2_text),
        "navinibs": Format(
            "NaviNIBS, targets or samples", ".json", navinibs.recognises, navinibs.read_navinibs,
            _plain(navinibs.write_navinibs),
        ),
        "simnibs": Format(
            "SimNIBS, table of CoilPos", ".csv", matrices.recognises_table, matrices.read_table,
            _plain(matrices.write_table),
        ),
        "matrix": Format(
            "matrices 4 × 4 as plain text", ".txt", matrices.recognises_matrix, matrices.read_matrices,
            _plain(matrices.write_matrices),
        ),
    }
)  # fmt: skip


def read_navigation(path: Path | str, *, format_name: str | None = None) -> NavigationFile:
    """Read the coil positions of a neuronavigation file.

    Parameters
    ----------
    path : Path or str
    format_name : str or None
        Key of `FORMATS`; None finds it by the content.

    Raises
    ------
    InputError
        No such file, no known format, or faults in it: all of them, with their lines.
    """
    return parse_navigation(read_text(Path(path)), file=str(path), format_name=format_name)


def parse_navigation(text: str, *, file: str = "", format_name: str | None = None) -> NavigationFile:
    """Read the coil positions of the text of a neuronavigation file; see `read_navigation`."""
    if format_name is None:
        format_name = next((name for name, row in FORMATS.items() if row.recognises(text)), None)
        if format_name is None:
            titles = "; ".join(row.title for row in FORMATS.values())
            what = "the file is empty" if not text.strip() else f"none of the known formats ({titles})"
            raise InputError(Problem("", what, file=file))
    return _row(format_name).read(text, file=file)


def navigation_text(targets: Sequence[NavigationTarget], format_name: str, options: WriteOptions | None = None) -> str:
    """Text of a file with these positions.

    Parameters
    ----------
    targets : sequence of NavigationTarget
    format_name : str
        Key of `FORMATS`.
    options : WriteOptions or None

    Raises
    ------
    InputError
        No positions, names that no file can hold, an unknown format or version.
    """
    row = _row(format_name)
    if not targets:
        raise InputError("there are no positions to write")
    return row.write(tuple(targets), options or WriteOptions())


def not_carried(targets: Sequence[NavigationTarget], format_name: str) -> tuple[str, ...]:
    """What the targets say beside name and pose that a file of this format does not have."""
    row = _row(format_name)
    return tuple(
        what
        for key, what in _BESIDE.items()
        if key not in row.carries and any(getattr(target, key) not in (None, ()) for target in targets)
    )


def _row(format_name: str) -> Format:
    if format_name not in FORMATS:
        raise InputError(f"there is no format {format_name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[format_name]
