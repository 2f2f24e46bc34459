"""One session of any protocol as a picture on a true time scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stimplan.describe import title_of
from stimplan.protocol import MagneticStimulation, Protocol
from stimplan.view.session_current import plot_current_session
from stimplan.view.session_pulses import plot_pulse_session

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_session(protocol: Protocol) -> Figure:
    """Figure of one session: the current of the electrodes, or the pulses of the coil.

    The whole session stands on top at true scale; below it are zooms, each marked where it comes from: the ramps,
    a few periods, one train, one burst. What is not reported (a ramp, a pause, a frequency) is said, not drawn.

    Parameters
    ----------
    protocol : Protocol
        Of any modality.
    """
    stimulation = protocol.stimulation
    if isinstance(stimulation, MagneticStimulation):
        return plot_pulse_session(protocol, stimulation, title_of(protocol))
    return plot_current_session(protocol, stimulation, title_of(protocol))
