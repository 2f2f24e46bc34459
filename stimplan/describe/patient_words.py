"""Everyday words for the person: one table for each question they may ask.

Common sensations and rare serious events are those the reviews of safety name: Antal et al. 2017
(doi 10.1016/j.clinph.2017.06.001) for currents, Rossi et al. 2021 (doi 10.1016/j.clinph.2020.10.003) for coils.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "tDCS": "In this plan a weak, steady electric current flows through your head.",
    "HD-tDCS": "In this plan a weak, steady electric current flows through a small part of your head.",
    "tACS": "In this plan a weak electric current flows back and forth through your head.",
    "tRNS": "In this plan a weak electric current that changes at random flows through your head.",
    "otDCS": "In this plan a weak electric current that slowly gets stronger and weaker flows through your head.",
    "tPCS": "In this plan a weak electric current flows through your head in short pulses.",
    "TI": "In this plan two or more weak, very fast electric currents meet inside your head.",
    "TMS": "In this plan a coil outside your head makes short magnetic pulses that reach a part of your brain.",
}

_SKIN = "You may feel tingling, itching or mild burning under the pads, mostly at the start and the end."
_AFTER = "Your skin may be red for a while, and some people get a headache or feel tired."
_BURN = "In rare cases the skin gets a small burn."
_LITTLE = "Many people feel little or nothing. Some feel a slight tingling under the pads."
_LIGHT = "Some people see flickering light or feel dizzy for as long as it lasts."

FEELINGS: Mapping[str, tuple[str, ...]] = {
    "tDCS": (_SKIN, _AFTER, _BURN),
    "HD-tDCS": (_SKIN.replace("pads", "discs"), _AFTER, _BURN),
    "tACS": (_LITTLE, _LIGHT, _AFTER),
    "tRNS": (_LITTLE, _AFTER),
    "otDCS": (_SKIN, _AFTER, _BURN),
    "tPCS": (_SKIN, _AFTER),
    "TI": (_LITTLE, "This is a new method, and few people have had it. Not all of its effects are known.", _AFTER),
    "TMS": (
        "You hear loud clicks, so you wear ear plugs.",
        "You feel tapping on your head, and muscles of your face or hand may twitch.",
        "Some people get a headache, a sore neck, or feel tired.",
        "Very rarely, pulses like these have set off a seizure (a fit). Ask the staff what they do then.",
    ),
}

GRADES: Mapping[str | None, str] = {
    "A": "Experts rate the evidence as strong, but it does not work for everyone.",
    "B": "Experts rate the evidence as fair: it seems to work for some people, and this is not certain.",
    "C": "Experts rate the evidence as weak: it may work for some people, and this is far from certain.",
    "none": "No expert rating says that this plan works. Ask the staff how good the evidence is.",
    None: "This plan does not say how good the evidence is, so ask the staff.",
}

RESULTS: Mapping[str, str] = {
    "positive": "In the study this plan comes from, people as a group did better. Not every one of them did.",
    "negative": "In the study this plan comes from, it did not bring what was hoped for.",
    "mixed": "In the study this plan comes from, the results were mixed.",
    "physiological": "The study this plan comes from looked at how the body reacts, not at whether people got better.",
    "not-read": "We have not read what came out of the study this plan comes from.",
}

# condition -> end of "The hope is that it …", where its name is not an everyday word; the nearest wider one counts
HOPES: Mapping[str, str] = {
    "stroke-motor": "makes it easier to move an arm or a leg after a stroke",
    "stroke-aphasia": "makes it easier to speak after a stroke",
    "stroke-neglect": "makes it easier to notice things on one side after a stroke",
    "stroke-dysphagia": "makes it easier to swallow after a stroke",
    "stroke": "eases problems after a stroke",
    "depression": "lifts a low mood (depression)",
    "neuropathic-pain": "eases nerve pain",
    "pain": "eases pain",
    "migraine": "makes migraine attacks milder or fewer",
    "tinnitus": "makes ringing in the ears (tinnitus) less of a burden",
    "auditory-hallucinations": "makes voices that others do not hear less of a burden",
    "negative-symptoms": "eases a lack of drive and feeling in schizophrenia",
    "ocd": "eases thoughts and habits that force themselves on you (OCD)",
    "smoking": "makes it easier to stop smoking",
    "addiction": "eases craving",
    "epilepsy": "makes seizures fewer",
    "mild-cognitive-impairment": "eases trouble with memory and thinking",
    "primary-progressive-aphasia": "eases trouble with finding words",
    "dementia": "eases trouble with memory and thinking",
    "traumatic-brain-injury": "eases problems after a head injury",
    "disorders-of-consciousness": "helps a person to be more awake",
    "multiple-sclerosis": "eases problems from multiple sclerosis (MS)",
    "amyotrophic-lateral-sclerosis": "slows a loss of strength (ALS)",
}

# A goal or a therapy with such a word could be read as a statement about the stimulation; it is left off the sheet.
OFF_THE_SHEET = re.compile(
    r"\b(safe\w*|unsafe|harmless|guarantee\w*|promise\w*|cure[sd]?|proven|painless)\b", re.IGNORECASE
)

# condition -> what to mention before the first session; kinds of a condition get what is said for it
CAUTIONS: Mapping[str, str] = {
    "stroke": "Tell the staff if you ever had a seizure, or surgery on your head or skull.",
    "traumatic-brain-injury": "Tell the staff if part of your skull is missing or mended, or if you had a seizure.",
    "parkinsons-disease": "Tell the staff if you have a wire or a device in your head or chest.",
    "epilepsy": "Tell the staff when your last seizure was, and if you left out or changed your medicine.",
    "dementia": "Someone you trust can come with you, and can ask questions for you.",
    "depression": "Tell the staff if you feel worse, think of harming yourself, or become restless or too cheerful.",
    "migraine": "Tell the staff if a migraine starts or gets worse.",
}

_BEFORE = (
    "Before you start, tell the staff about metal or devices in your body, seizures, medicines, and if you may be "
    "pregnant."
)
_STOP = "You can stop at any time, and you need not say why."

TELL: Mapping[str, tuple[str, ...]] = {
    "current": (
        _BEFORE,
        "Speak up at once if it hurts or burns, or if you feel faint or unwell.",
        _STOP,
        "Call the staff later about a sore or a blister, a headache that stays, a fall, or anything new or worse.",
    ),
    "TMS": (
        _BEFORE,
        "Speak up at once if it hurts, if a muscle goes on twitching, or if you feel faint or unwell.",
        _STOP,
        "Call the staff later if your hearing changes, a headache stays, you fall, or anything is new or worse.",
    ),
}

# Letters of a 10-05 name -> where on the head; the longest that fits counts. {side}: left side, right side or middle;
# {hand}: left or right.
_PARTS: Mapping[str, str] = {
    "Fp": "on the {side} of your forehead",
    "AF": "high on the {side} of your forehead",
    "F": "on the {side} of the front of your head",
    "FT": "at your {hand} temple",
    "FC": "on the {side} of your head, in front of the top",
    "C": "on the {side} of the top of your head",
    "T": "just above your {hand} ear",
    "TP": "just behind your {hand} ear",
    "CP": "on the {side} of your head, behind the top",
    "P": "on the {side} of the back of your head",
    "PO": "low on the {side} of the back of your head",
    "O": "low on the {side} of the back of your head",
    "I": "at the base of the {side} of the back of your head",
    "N": "at the top of your nose",
    "A": "at your {hand} ear",
    "M": "behind your {hand} ear",
}


def place_words(site: str) -> str:
    """A 10-05 site in everyday words: `F3` -> `"on the left side of the front of your head"`.

    Odd numbers are left, even ones right, z is the middle.
    """
    found = re.match(r"([A-Za-z]+?)(z|[0-9]+)h?$", site)
    letters, end = (found[1], found[2]) if found else (site, "z")
    capital = re.sub(r"[^A-Zp]", "", letters)
    part = next((_PARTS[capital[:size]] for size in range(len(capital), 0, -1) if capital[:size] in _PARTS), "")
    hand = "middle" if end == "z" else "left" if int(end) % 2 else "right"
    return (part or "on the {side} of your head").format(side=hand if hand == "middle" else f"{hand} side", hand=hand)
