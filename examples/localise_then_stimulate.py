"""Localise, then stimulate
========================

Localise a source of EEG with MNE, then stimulate it: both from one lead field, by reciprocity.

A lead field of stimulation is also the forward solution of EEG on the same head. MNE localises a simulated source
with it; the electrodes that saw the source best are then the ones that reach it best (Dmochowski et al. 2017,
doi:10.1016/j.neuroimage.2017.05.059).
"""

from itertools import permutations

import mne
import numpy as np

import stimplan as sp
from stimplan.exchange.mne import cortex_rows, forward_of
from stimplan.head.cortex import cortex_of
from stimplan.leadfield import compute_lead_field

M1_MM = (-37, -25, 62)  # hand area of the left motor cortex; Colin27's own coordinates are MNI
MOMENT_A_M = 20e-9
NOISE_V = 0.5e-6
TOTAL_A = 2e-3


def main() -> None:
    mne.set_log_level("ERROR")
    head = sp.load_head("colin27", edge_mm="teaching")
    lead = compute_lead_field(head, "10-10")
    cortex = cortex_of(head)
    # The source is simulated among all points of the cortex and looked for among 2,000 others.
    everywhere, forward = forward_of(lead, sources=len(cortex.nodes)), forward_of(lead, sources=2000)
    rows = cortex_rows(forward, head)
    points_mm, normals = 1e3 * cortex.points_m[rows], cortex.normals[rows]

    all_rows = np.setdiff1d(cortex_rows(everywhere, head), rows)
    true_row = all_rows[np.argmin(np.linalg.norm(1e3 * cortex.points_m[all_rows] - M1_MM, axis=1))]
    evoked = simulated(everywhere, list(cortex_rows(everywhere, head)).index(true_row))
    found = localised(forward, evoked)
    true_mm = 1e3 * cortex.points_m[true_row]
    error_mm = np.linalg.norm(points_mm[found] - true_mm)
    print(f"simulated at {true_mm.round()} mm, found at {points_mm[found].round()} mm: {error_mm:.1f} mm away")
    assert error_mm < 15

    # What each electrode sees of a dipole along the outward normal is, by reciprocity, the field into the cortex that
    # one ampere through it makes there.
    inwards = -np.einsum("epd,pd->ep", lead.cortex_V_per_m_per_A[:, rows], normals)[:, found]
    order = [lead.names[i] for i in np.argsort(inwards)]
    montages = {
        "two electrodes": {order[-1]: TOTAL_A, order[0]: -TOTAL_A},
        "four electrodes": {order[-1]: TOTAL_A / 2, order[-2]: TOTAL_A / 2, order[0]: -TOTAL_A / 2,
                            order[1]: -TOTAL_A / 2},
    }  # fmt: skip
    into = {}
    for name, currents in montages.items():
        field = lead.on_cortex(currents)
        into[name] = -float(field[rows[found]] @ normals[found])
        at_truth = -float(field[true_row] @ cortex.normals[true_row])
        shown = ", ".join(f"{site} {1e3 * current:+g} mA" for site, current in currents.items())
        print(f"{name}: {shown}: {into[name]:.3f} V/m into the cortex where the source was found, "
              f"{at_truth:.3f} V/m where it was")  # fmt: skip

    # No other pair reaches it better, and the usual one over the hand area and the forehead does far less.
    best = max(inwards[a] - inwards[b] for a, b in permutations(range(len(inwards)), 2))
    assert np.isclose(into["two electrodes"], TOTAL_A * best, rtol=1e-4)
    usual = -float(lead.on_cortex({"C3": TOTAL_A, "Fp2": -TOTAL_A})[rows][found] @ normals[found])
    print(f"C3 to Fp2 with the same current: {usual:.3f} V/m")
    assert into["two electrodes"] > into["four electrodes"] > usual
    assert 0.05 < into["two electrodes"] < 1
    # The whole field of the pair, from its potentials in the whole head, says the same.
    whole = lead.field(montages["two electrodes"]).recovered_V_per_m(cortex.tissue)[cortex.nodes[rows[found]]]
    assert np.isclose(-whole @ normals[found], into["two electrodes"], rtol=1e-3)


def simulated(forward: mne.Forward, source: int) -> mne.EvokedArray:
    """Noisy EEG of one dipole along the normal of the cortex."""
    info = recording_info(forward)
    fixed = mne.convert_forward_solution(forward, surf_ori=True, force_fixed=True, use_cps=False)
    data = MOMENT_A_M * fixed["sol"]["data"][:, [source]]
    noise = NOISE_V * np.random.default_rng(27).standard_normal(data.shape)
    evoked = mne.EvokedArray(data + noise, info, tmin=0.0)
    return evoked.set_eeg_reference("average", projection=True)


def localised(forward: mne.Forward, evoked: mne.EvokedArray) -> int:
    """Number of the source where the minimum norm, standardised by its resolution, is largest.

    Of MNE's methods sLORETA is the one whose maximum lies at a single source (Pascual-Marqui 2002,
    PMID 12575463); the maxima of dSPM lie too deep with so few electrodes.
    """
    variance = np.full(len(evoked.ch_names), NOISE_V**2)
    covariance = mne.Covariance(variance, evoked.ch_names, [], [], 1)
    inverse = mne.minimum_norm.make_inverse_operator(evoked.info, forward, covariance, loose=0.2, depth=0.8)
    estimate = mne.minimum_norm.apply_inverse(evoked, inverse, lambda2=1 / 9, method="sLORETA")
    return int(np.argmax(estimate.data[:, 0]))


def recording_info(forward: mne.Forward) -> mne.Info:
    """Channels of a recording with the electrodes of the forward solution."""
    info = mne.create_info(forward["sol"]["row_names"], 1000.0, "eeg")
    for channel, seen in zip(info["chs"], forward["info"]["chs"], strict=True):
        channel["loc"] = seen["loc"].copy()
    return info


if __name__ == "__main__":
    main()
