"""What a paper says of a run: the methods paragraph, how the field was computed, and what checklists still ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stimplan.describe import methods_text, reviews
from stimplan.protocol import Protocol
from stimplan.units import text


def reporting_record(protocol: Protocol) -> dict[str, Any]:
    """The methods paragraph of a protocol, and of each reporting checklist the items that its file does not answer."""
    return {
        "methods": methods_text(protocol),
        "checklists": [
            {
                "title": found.checklist.title,
                "answered": found.reported,
                "asked": len(found.answers),
                "missing": [item.text for item in found.missing],
                "citation": found.checklist.source.citation,
                "doi": found.checklist.source.doi,
                "status": found.checklist.source.status,
                "note": found.checklist.source.note,
            }
            for found in reviews(protocol)
        ],
    }


def simulation_text(record: Mapping[str, Any]) -> str:
    """How the field was computed, as sentences for a paper, from the record of a run."""
    numerics, field, head = record["numerics"], record["field"], record["head"]
    versions = record["provenance"]
    tissue = field["tissue"].replace("_", " ").replace("gray", "grey")
    values = ", ".join(
        f"{one['name'].replace('_', ' ').replace('gray', 'grey')} {one['conductivity_S_per_m']:.4g}"
        for one in head["tissues"]
    )
    source = (
        f"electrodes by the {record['montage']['electrode_model']} electrode model"
        if record.get("coil") is None
        else f"the coil {record['coil']['name']} by its elements"
    )
    sentences = [
        f"The electric field was computed with stimplan {versions['stimplan']} by finite elements (linear tetrahedra, "
        f"quasi-static) on the head {head['name']} with {numerics['nodes']:,} nodes and {numerics['tetrahedra']:,} "
        f"tetrahedra, {source}",
        *coil_sentences(record),
        f"Conductivities, S/m: {values}"
        + (" (white matter anisotropic, from diffusion tensors)" if versions["field"].get("is_anisotropic") else ""),
        f"The linear system was solved ({versions['field']['solver']}) to a relative residual of "
        f"{numerics['residual']:.1e}",
        _error(numerics["relative_error_estimate"], tissue),
        "Percentiles are by volume",
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def coil_sentences(record: Mapping[str, Any]) -> list[str]:
    """Where the coil of each block was, how hard it was driven, and what the spread of the figures is."""
    coil = record.get("coil")
    if coil is None:
        return []
    in_place = coil.get("stand_in")
    found = []
    if in_place is not None:
        sentence = in_place["sentence"].removeprefix("STAND-IN COIL: ").rstrip(".")
        found.append(sentence[:1].upper() + sentence[1:])
    for block in coil["blocks"]:
        pose, spread = block["pose"], block["spread"]
        place = pose["center_mni_m"] or pose["center_m"]
        where = ", ".join(f"{1e3 * value:.0f}" for value in place).replace("-", "−")
        space = "MNI" if pose["center_mni_m"] else "head coordinates"
        angle = text(pose["handle_from_midline_rad"], "rad", 3).replace("-", "−")
        start = f"{block['label']}: the" if len(coil["blocks"]) > 1 else "The"
        assumed = " (assumed; the protocol does not say)" if pose["is_handle_assumed"] else ""
        found.append(
            f"{start} middle of the coil's face was at ({where}) mm, {space}, {text(block['coil_to_tissue_m'], 'm')} "
            f"from the {record['field']['tissue'].replace('_', ' ').replace('gray', 'grey')}, its handle at {angle} "
            f"from the midline, positive to the left{assumed}"
        )
        found.append(block["drive"]["sentence"].rstrip("."))
        if spread is not None:
            found.append(
                f"Spreads are those over {spread['poses']} placements {text(spread['shift_m'], 'm')} away, turned by "
                f"{text(spread['turn_rad'], 'rad')}, or both"
            )
    return found


def _error(share: float | None, tissue: str) -> str:
    if share is None:
        return ""
    return (
        f"The discretisation error of the field in the {tissue}, estimated from its difference to the recovered field, "
        f"is {text(share, 'fraction', 2)}; the uncertainty of anatomy and conductivities is not part of it"
    )
