"""`stimplan heads`: list head models, import your own, show what one is like, remove one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, show_text
from stimplan.errors import InputError, Problem
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.head import HeadModel
    from stimplan.head.quality import HeadQuality

_TEXT = "list the head models, or import, describe and remove one"


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`heads [list|import|info|remove|path]`."""
    parser = add_command(commands, "heads", _TEXT)
    parser.set_defaults(action=_list)
    actions = parser.add_subparsers(required=False, metavar="ACTION", title="actions")

    def action(name: str, function: Callable[[argparse.Namespace, Console], int], text: str) -> Any:
        added = actions.add_parser(name, help=text, description=text, epilog=NOTICE, allow_abbrev=False)
        # The same option before the action keeps its value.
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON, "
                           "and nothing else")  # fmt: skip
        added.set_defaults(action=function)
        return added

    action("list", _list, "the heads that come with stimplan and those that were imported")
    _add_import(action("import", _import, "check, mesh and keep a head of your own"))
    info = action("info", _info, "counts, tissues and quality of a head")
    info.add_argument("name", help="name of a head, or a file or folder that could be imported")
    info.add_argument(
        "--edge-mm", type=edge_option, metavar="MM", help="edge length of the mesh, mm, or a preset's name"
    )
    info.add_argument("--labels", metavar="MAPPING", help="of a file: which label is which tissue")
    info.add_argument("--brief", action="store_true", help="counts and tissues only; do not examine the quality")
    info.add_argument("--out", type=Path, metavar="DIR", help="write head.json and head.png there")
    remove = action("remove", _remove, "remove an imported head and its meshes (of a shipped one only the meshes)")
    remove.add_argument("name")
    path = action("path", _path, "where a head is kept")
    path.add_argument("name")
    return parser


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="segmented volume (.nii, .nii.gz, .mgz), mesh (.msh, …), folder m2m_<subject> of "
                        "SimNIBS, of ROAST, or with c1 to c6 of SPM")  # fmt: skip
    parser.add_argument("--name", required=True, help="what the head is to be called, such as sub-01")
    parser.add_argument("--labels", metavar="MAPPING", help="which label is which tissue: simnibs, roast, freesurfer, "
                        "spm, brain2mesh, or a mapping file (.json)")  # fmt: skip
    parser.add_argument("--edge-mm", type=edge_option, metavar="MM", help="edge length of the mesh, mm, or teaching, "
                        "standard (default), fine")  # fmt: skip
    parser.add_argument("--fiducials", type=Path, metavar="FILE", help="nasion, inion, LPA and RPA (.csv or .json, mm "
                        "in the head's own coordinates), for sites such as C3")  # fmt: skip
    parser.add_argument("--form", choices=("sform", "qform"), help="which transform of a NIfTI header is right, where "
                        "the two disagree")  # fmt: skip
    parser.add_argument("--replace", action="store_true", help="replace an imported head of the same name")


def edge_option(given: str) -> float | str:
    """A number of mm, or a preset's name, which the head knows."""
    try:
        return float(given)
    except ValueError:
        return given


def run(args: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    code: int = args.action(args, console)
    return code


def _list(args: argparse.Namespace, console: Console) -> int:
    from stimplan.head import list_heads

    entries = list_heads()
    if args.json:
        heads = [
            {"name": e.name, "description": e.description, "cached": e.cached, "kind": e.kind, "path": str(e.path)}
            for e in entries
        ]
        show_json(console, {"heads": heads})
        return 0
    width = max(len(entry.name) for entry in entries)
    show_lines(
        console,
        [
            f"{e.name:{width}}  {e.description}{'' if e.cached else ' (its usual mesh is not made yet)'}"
            for e in entries
        ],
    )
    return 0


def _import(args: argparse.Namespace, console: Console) -> int:
    from stimplan.head import ImportOptions, import_head
    from stimplan.terminal import progress_bar

    options = ImportOptions(edge_mm=args.edge_mm, form=args.form, fiducials=args.fiducials, replace=args.replace)
    with progress_bar(is_shown=not args.json) as progress:
        found = import_head(args.path, name=args.name, labels=args.labels, options=options, progress=progress)
    record = found.record()
    if args.json:
        show_json(console, record)
        return 0
    show_lines(console, [f"{found.name}: imported from {found.source}", *_read_lines(record["read"])])
    show_lines(console, [*_mesh_lines(record), *_tissue_lines(record["tissues"]), *_quality_lines(record["quality"])])
    _show_findings(console, found.findings)
    sites = "" if record["sites"] else ", with electrodes at coordinates: this head has no sites"
    show_lines(console, [f"kept in {found.path}", f"next: stimplan run PROTOCOL --head {found.name}{sites}"])
    return 0


def _info(args: argparse.Namespace, console: Console) -> int:
    from stimplan.head import load_head
    from stimplan.terminal import head_summary, progress_bar, show_head

    if args.brief and args.out is not None:
        raise InputError(Problem("--brief", "leaves out what --out draws; give one of the two"))
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise InputError(Problem("--out", f"{args.out} is a file; name a folder"))
    with progress_bar(is_shown=not args.json) as progress:
        head = load_head(args.name, edge_mm=args.edge_mm, labels=args.labels, progress=progress)
        quality = None if args.brief else _quality(head, progress)
    summary = head_summary(head)
    summary["fiducials_m"] = {name: list(point) for name, point in head.fiducials_m.items()}
    if quality is not None:
        summary["quality"] = quality.record()
    if args.out is not None and quality is not None:
        _write_info(args.out, quality, summary)
    if args.json:
        show_json(console, summary)
        return 0
    show_lines(console, [*show_head(head), *_provenance_lines(head)])
    if quality is not None:
        show_lines(console, quality_lines(quality))
    own = () if quality is None else quality.findings
    _show_findings(console, [*head.provenance.get("findings", ()), *own])
    if args.out is not None:
        show_lines(console, [f"written: {args.out / 'head.png'}, {args.out / 'head.json'}"])
    return 0


def _quality(head: HeadModel, progress: Any) -> HeadQuality:
    from stimplan.head.quality import head_quality

    return head_quality(head, progress=progress)


def _write_info(out: Path, quality: HeadQuality, summary: Mapping[str, Any]) -> None:
    """The numbers and the picture, both or none."""
    import json

    from stimplan.exchange import staged_folder
    from stimplan.view.head_quality import plot_head_quality
    from stimplan.view.paper import png_bytes

    with staged_folder(out, replaces=("head.json", "head.png")) as folder:
        (folder / "head.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (folder / "head.png").write_bytes(png_bytes(plot_head_quality(quality)))


def quality_lines(quality: HeadQuality) -> list[str]:
    """What was examined, in words."""
    from stimplan.head.tissues import in_words
    from stimplan.units import text

    lines = []
    for tissue in quality.tissues:
        if tissue.difference is not None:
            lines.append(f"  {in_words(tissue.name):14} {100 * tissue.difference:+.2f} % against the labels")
    for surface in quality.surfaces:
        ends = f"mean {text(surface.mean_m, 'm')}, 95th percentile {text(surface.p95_m, 'm')}"
        lines.append(f"  surface of {in_words(surface.surface)}: {ends} from the labels")
    for layer in quality.layers:
        labels = f", labels {text(layer.labels_m2, 'm2')}" if layer.labels_m2 is not None else ""
        lines.append(f"  {layer.name}: open over {text(layer.mesh_m2, 'm2')}{labels}")
    shapes = quality.shapes
    lines.append(f"  edges: median {text(shapes.edge_median_m, 'm')}, 95th percentile {text(shapes.edge_p95_m, 'm')}")
    check = quality.electric
    lines.append(
        f"  1 mA, {check.where}: the field carries {1 + check.balance:.2%} of it, the head has "
        f"{text(check.resistance_ohm, 'ohm')}, residual {check.residual:.1e}"
    )
    return ["examined:", *lines]


def _remove(args: argparse.Namespace, console: Console) -> int:
    from stimplan.head.library import remove_head
    from stimplan.head.shipped import SHIPPED_HEADS

    removed = [str(path) for path in remove_head(args.name)]
    if args.json:
        show_json(console, {"name": args.name, "removed": removed})
        return 0
    show_lines(console, [f"removed {path}" for path in removed] or ["nothing was kept"])
    if args.name in SHIPPED_HEADS:
        show_text(console, f"{args.name} comes with stimplan; its mesh is made again when it is used")
    return 0


def _path(args: argparse.Namespace, console: Console) -> int:
    from stimplan.head.library import head_files

    path, meshes = head_files(args.name)
    if args.json:
        show_json(console, {"name": args.name, "path": str(path), "meshes": [str(mesh) for mesh in meshes]})
    else:
        show_lines(console, [str(path), *(str(mesh) for mesh in meshes)])
    return 0


def _read_lines(read: Mapping[str, Any]) -> list[str]:
    """How the source was read."""
    lines = [f"read as {read['reader']}"]
    if "header" in read:
        header = read["header"]
        shape, voxel = ("×".join(f"{side:g}" for side in header[key]) for key in ("shape", "voxel_mm"))
        lines.append(f"{shape} voxels of {voxel} mm, {header['axes']}, space {header['space']} (by {header['form']})")
    if "mapping" in read:
        lines.append(f"labels by mapping {read['mapping']['name']}")
    return lines


def _mesh_lines(record: Mapping[str, Any]) -> list[str]:
    sites = f"{record['sites']} sites" if record["sites"] else "no sites"
    mni = "with MNI space" if record["has_mni"] else "without MNI space"
    return [f"{record['nodes']:,} nodes, {record['tetrahedra']:,} tetrahedra, {sites}, {mni}"]


def _tissue_lines(tissues: list[Mapping[str, Any]]) -> list[str]:
    """Volume of each tissue in the mesh, against its labels."""
    from stimplan.head.tissues import in_words
    from stimplan.units import text

    lines = []
    for tissue in tissues:
        labels = tissue["label_volume_m3"]
        beside = f"  labels {text(labels, 'm3', 4):>9}" if labels else ""
        lines.append(f"  {in_words(tissue['name']):14} {text(tissue['volume_m3'], 'm3', 4):>9}{beside}")
    return lines


def _quality_lines(quality: Mapping[str, float]) -> list[str]:
    if not quality:
        return []
    parts = ", ".join(f"{key.removeprefix('quality_').replace('_', ' ')} {value:.3g}" for key, value in quality.items())
    return [f"quality of the tetrahedra (1 is best): {parts}"]


def _provenance_lines(head: HeadModel) -> list[str]:
    """Fiducials, way to MNI and quality of a head."""
    about = head.provenance
    lines = [f"source: {about['source']}"] if "source" in about else []
    lines += _quality_lines({key: about[key] for key in about if key.startswith("quality_")})
    if head.fiducials_m:
        lines.append(f"fiducials: {about.get('fiducials', {}).get('source', 'given')}")
    mni = "by a deformation" if head.warp is not None else "by an affine" if head.mni_from_head is not None else "none"
    return [*lines, f"way to MNI space: {mni}"]


def _show_findings(console: Console, findings: Any) -> None:
    if findings:
        show_lines(console, ["found:"])
        for finding in findings:
            show_text(console, f"  - {finding}")
