"""Make the atlases that are shipped, from the Debian package mricron-data and the tables in tools/schaefer2018.

    python tools/make_atlases.py [--templates /usr/share/mricron/templates]

Only whoever rebuilds them needs that package. Same inputs, same bytes. Licences: stimplan/atlases/README.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy.spatial import cKDTree

OUT = Path(__file__).parent.parent / "stimplan" / "atlases"
TABLES = Path(__file__).parent / "schaefer2018"
# A voxel of cortex farther from every centroid than this belongs to none: the widest parcel of the 400 is smaller.
FARTHEST_MM = 20.0
HALF = 200  # of the 400 parcels the first half is the left hemisphere
# Parcels of each part of a network in the order of the 100-parcel, 7-network release.
LEFT = ("Vis 9", "SomMot 6", "DorsAttn_Post 6", "DorsAttn_PrCv 1", "DorsAttn_FEF 1", "SalVentAttn_ParOper 1",
        "SalVentAttn_FrOperIns 2", "SalVentAttn_PFCl 1", "SalVentAttn_Med 3", "Limbic_OFC 1", "Limbic_TempPole 2",
        "Cont_Par 1", "Cont_PFCl 1", "Cont_pCun 1", "Cont_Cing 1", "Default_Temp 2", "Default_Par 2", "Default_PFC 7",
        "Default_pCunPCC 2")  # fmt: skip
RIGHT = ("Vis 8", "SomMot 8", "DorsAttn_Post 5", "DorsAttn_PrCv 1", "DorsAttn_FEF 1", "SalVentAttn_TempOccPar 2",
         "SalVentAttn_FrOperIns 1", "SalVentAttn_Med 2", "Limbic_OFC 1", "Limbic_TempPole 1", "Cont_Par 2",
         "Cont_PFCl 4", "Cont_Cing 1", "Cont_PFCmp 1", "Cont_pCun 1", "Default_Par 1", "Default_Temp 3",
         "Default_PFCv 2", "Default_PFCdPFCm 3", "Default_pCunPCC 2")  # fmt: skip

BRODMANN = {
    "title": "Brodmann areas on Colin27",
    "alias": "ba",
    "source": "brodmann.nii.gz of MRIcron (C. Rorden), from the Debian package mricron-data",
    "licence": "BSD-3-Clause, Copyright 2006-2010 Chris Rorden",
    "citation": "Rorden & Brett (2000), Behav Neurol 12:191-200, doi:10.1155/2000/421719; areas after Brodmann (1909)",
    "caution": "drawn on one brain: cytoarchitecture cannot be seen on MRI, and the borders differ between people",
}
SCHAEFER = {
    "title": "Cortical parcellation of Schaefer 2018, 100 parcels in 7 networks, approximate",
    "alias": "schaefer100",
    "source": "each voxel of cortex belongs to the nearest of the 400 published centroids (CBIG, MNI152)",
    "licence": "MIT, Copyright (c) 2016 Computational Brain Imaging Group (CBIG)",
    "citation": "Schaefer et al. (2018), Cereb Cortex 28:3095-3114, doi:10.1093/cercor/bhx179",
    "caution": "rebuilt from centroids: 81 % of the points of an average cortex get the parcel of the original, the "
    "others that of a neighbour; name the original volume with atlas:PATH:LABEL where borders matter",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", type=Path, default=Path("/usr/share/mricron/templates"))
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    image = nibabel.load(args.templates / "brodmann.nii.gz")
    areas = np.asarray(image.dataobj).astype(np.uint8)
    numbers = [int(n) for n in np.unique(areas) if n]
    write(args.out, "brodmann", areas, image.affine, BRODMANN | {"labels": {str(n): f"BA {n}" for n in numbers}})
    parcels = schaefer(areas > 0, image.affine)
    names = {str(number): name for number, name in enumerate(parcel_names(), start=1)}
    write(args.out, "schaefer100-approx", parcels, image.affine, SCHAEFER | {"labels": names})


def schaefer(is_cortex: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Number of the parcel at every voxel of cortex, hemisphere by hemisphere."""
    rows = (TABLES / "centroids_400.txt").read_text().split()
    centroids = np.array([[int(x) for x in row.split(",")] for row in rows])
    parcel = np.array((TABLES / "parcel_100_of_400.txt").read_text().split(), dtype=np.uint8)
    voxels = np.argwhere(is_cortex)
    points = apply_affine(affine, voxels)
    labels = np.zeros(is_cortex.shape, np.uint8)
    for half, inside in ((slice(HALF), points[:, 0] < 0), (slice(HALF, None), points[:, 0] > 0)):
        distance, nearest = cKDTree(centroids[half]).query(points[inside])
        labels[tuple(voxels[inside].T)] = np.where(distance <= FARTHEST_MM, parcel[half][nearest], 0)
    return labels


def parcel_names() -> list[str]:
    """Names of the 100 parcels in their order, as the authors write them."""
    return [
        f"{side}_{part.split()[0]}_{number}"
        for side, parts in (("LH", LEFT), ("RH", RIGHT))
        for part in parts
        for number in range(1, int(part.split()[1]) + 1)
    ]


def write(folder: Path, name: str, labels: NDArray[np.uint8], affine: NDArray[np.float64], record: dict) -> None:
    """Volume cut to what is labelled, and its record; no date or file name in the compressed file."""
    used = np.argwhere(labels)
    low, high = used.min(axis=0), used.max(axis=0) + 1
    cut = labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    moved = affine.copy()
    moved[:3, 3] = apply_affine(affine, low)
    image = nibabel.Nifti1Image(cut, moved)
    image.set_sform(moved, 4)
    image.set_qform(moved, 4)
    image.header.set_xyzt_units("mm")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.nii.gz").write_bytes(gzip.compress(image.to_bytes(), 9, mtime=0))
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{name}: {len(record['labels'])} labels, {(folder / f'{name}.nii.gz').stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
