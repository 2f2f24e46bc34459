"""What `stimplan new` needs to know: one flag and one question for each answer, and who needs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

NOT_REPORTED = "not-reported"
MODALITIES = ("tDCS", "HD-tDCS", "tACS", "tRNS", "TMS")
_ELECTRIC = MODALITIES[:-1]
_ALTERNATING = ("tACS", "tRNS")
_REFERENCES = ("rMT", "aMT", "MSO", "1mV", "phosphene")
_COILS = ("figure-8", "circular", "double-cone", "butterfly", "H-coil", "cap", "other")


def amount(word: str) -> Decimal:
    """A number as it is written, exact."""
    try:
        value = Decimal(word)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None
    if not value.is_finite():
        raise argparse.ArgumentTypeError(f"{word!r} is not a finite number")
    return value


def amount_or_not_reported(word: str) -> Decimal | str:
    """A number, or `not-reported`, which the file writes as null."""
    return word if word == NOT_REPORTED else amount(word)


def whole(word: str) -> int:
    """A whole number above 0."""
    value = amount(word)
    if value != int(value) or value < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number above 0")
    return int(value)


def names(word: str) -> list[str]:
    """Names with commas between them."""
    found = [name.strip() for name in word.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("expected names with commas between them, such as Cz,F3,T7,P3")
    return found


def point(word: str) -> list[Decimal]:
    """Three numbers with commas between them."""
    parts = [amount(part.strip()) for part in word.split(",")]
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"{word!r} is not three numbers such as -38,44,26")
    return parts


def one_of(*choices: str) -> Callable[[str], str]:
    """One of a few words, in any case."""

    def read(word: str) -> str:
        by_lower = {choice.lower(): choice for choice in choices}
        if word.lower() not in by_lower:
            raise argparse.ArgumentTypeError(f"{word!r} is not known here; there is {', '.join(choices)}")
        return by_lower[word.lower()]

    return read


@attrs.frozen
class Flag:
    """One answer.

    Attributes
    ----------
    name : str
        Of the option, without the dashes.
    text : str
        Help, and the question.
    read : callable
        From the word to the value; raises argparse.ArgumentTypeError.
    needed_by : tuple of str
        Modalities and patterns that cannot do without it; others may have it where it fits.
    instead : tuple of str
        Answers any of which makes this one needless.
    """

    name: str
    text: str
    read: Callable[[str], Any] = str
    needed_by: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Key of the answer."""
        return self.name.replace("-", "_")

    def is_needed(self, answers: Mapping[str, Any]) -> bool:
        """Whether it must still be answered, given the other answers."""
        if self.key in answers or any(other in answers for other in self.instead):
            return False
        kinds = (answers.get("modality"), answers.get("pattern"))
        if self.name == "inter-train-interval-s" and answers.get("trains") == 1:
            return False
        return bool(set(self.needed_by) & {kind for kind in kinds if kind})


FLAGS = (
    Flag("modality", f"kind of stimulation: {', '.join(MODALITIES)}", one_of(*MODALITIES)),
    Flag("id", "short name: small letters, digits and hyphens", str, MODALITIES),
    Flag("anode", "site of the anode (of the first electrode where the current alternates), such as F3", str,
         ("tDCS", *_ALTERNATING)),
    Flag("cathode", "site of the cathode (of the second electrode), such as F4", str, ("tDCS", *_ALTERNATING)),
    Flag("center", "site of the centre electrode, such as C3", str, ("HD-tDCS",)),
    Flag("returns", "sites of the returns, such as Cz,F3,T7,P3", names, ("HD-tDCS",), ("ring_radius_mm",)),
    Flag("ring-radius-mm", "distance of four returns from the centre, instead of their sites, mm", amount),
    Flag("current-mA", "current, mA", amount, _ELECTRIC),
    Flag("amplitude-convention", "what the current means: peak, peak-to-peak or RMS",
         one_of("peak", "peak-to-peak", "RMS"), _ALTERNATING),
    Flag("product", "electrode, an id of montages/electrodes.json such as sponge-5x7", str, _ELECTRIC),
    Flag("frequency-Hz", "frequency, Hz", amount, ("tACS", "rTMS")),
    Flag("band-low-Hz", "lower edge of the noise's band, Hz", amount, ("tRNS",)),
    Flag("band-high-Hz", "upper edge of the noise's band, Hz", amount, ("tRNS",)),
    Flag("distribution", "of the noise: gaussian or uniform", one_of("gaussian", "uniform")),
    Flag("duration-min", "time at the full current, min; the ramps come on top", amount, _ELECTRIC),
    Flag("ramp-s", f"time of each ramp, s, or {NOT_REPORTED}", amount_or_not_reported, _ELECTRIC),
    Flag("ramp-up-s", "time of the ramp up where it differs, s", amount_or_not_reported),
    Flag("ramp-down-s", "time of the ramp down where it differs, s", amount_or_not_reported),
    Flag("pattern", "of the pulses: rTMS, iTBS or cTBS", one_of("rTMS", "iTBS", "cTBS"), ("TMS",)),
    Flag("coil-family", f"kind of coil: {', '.join(_COILS)}", one_of(*_COILS), ("TMS",)),
    Flag("coil-model", "model of the coil"),
    Flag("site", "site under the coil, such as F3", str, ("TMS",), ("mni_mm",)),
    Flag("mni-mm", "point the coil is aimed at, instead of a site, MNI, such as -38,44,26; mm", point),
    Flag("placement-method", "how the coil's place is found"),
    Flag("intensity-percent", "intensity, percent of the reference", amount, ("TMS",)),
    Flag("reference", f"what 100 % is: {', '.join(_REFERENCES)}", one_of(*_REFERENCES), ("TMS",)),
    Flag("threshold-method", "how the threshold is measured"),
    Flag("muscle", "muscle of the threshold"),
    Flag("threshold-measured", "how often: each-session, daily, weekly or once",
         one_of("each-session", "daily", "weekly", "once")),
    Flag("pulse-shape", "monophasic, biphasic or half-sine", one_of("monophasic", "biphasic", "half-sine")),
    Flag("current-direction", "in the brain: PA, AP, LM or ML", one_of("PA", "AP", "LM", "ML")),
    Flag("pulses", "pulses in one session", whole, ("iTBS", "cTBS")),
    Flag("pulses-per-train", "pulses in one train", whole, ("rTMS",)),
    Flag("trains", "trains in one session", whole, ("rTMS",)),
    Flag("inter-train-interval-s", "time from the end of a train to the next, s", amount, ("rTMS",)),
    Flag("sessions", "sessions in all", whole, MODALITIES),
    Flag("sessions-per-day", "most sessions on one day", whole),
    Flag("min-gap-h", "least time from the start of a session to the start of the next, h", amount),
    Flag("schedule", "the schedule in words"),
    Flag("title", "title; made from the fields where it is left out"),
    Flag("indication", "condition, such as depression or stroke"),
    Flag("population", "who receives it"),
    Flag("purpose", "target and rationale in words"),
    Flag("target", "name of the target in the brain"),
)  # fmt: skip


def still_needed(answers: Mapping[str, Any]) -> list[Flag]:
    """Flags without which there is no protocol, given the answers so far; only the modality where that is open."""
    if "modality" not in answers:
        return [FLAGS[0]]
    both_ramps = {"ramp_up_s", "ramp_down_s"} <= answers.keys()
    return [flag for flag in FLAGS if flag.is_needed(answers) and not (flag.name == "ramp-s" and both_ramps)]
