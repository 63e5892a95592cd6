"""Every kind of fault the doctor knows: how bad it is, what it does to training, and what one click does about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        code: its name in `data check --json`.
        severity: "error" breaks training or makes its figures wrong, "warning" costs accuracy, "note" is good to know.
        effect: what it does to training, one sentence.
        fix: what the fix does, one sentence; "" where only a person can tell.
    """

    code: str
    severity: Severity
    effect: str
    fix: str = ""


_LEAVE_OUT = "Leaves these pictures out."
_LEAVE_OUT_BOXES = "Leaves these boxes out."
_STOPS = "Training stops, or skips the picture, when it comes to it."
_SPLIT_ANEW = "Splits all pictures anew: by class, copies kept together, in the present proportions."
_KEEP_FOR_TESTING = "Keeps the copy for testing, if it is labelled, and leaves the others out."
_INFLATES = "What is tested was seen in training, so the measured accuracy is better than the real one."

_FAULTS = (
    # Files
    Fault("missing_file", "error", "Training stops when it asks for the file.", _LEAVE_OUT),
    Fault("empty_file", "error", _STOPS, _LEAVE_OUT),
    Fault("not_a_picture", "error", _STOPS, _LEAVE_OUT),
    Fault("damaged_picture", "error", f"{_STOPS} Some readers fill the missing part with grey.", _LEAVE_OUT),
    Fault("huge_picture", "error", "It is refused before decoding, because it could fill the memory.", _LEAVE_OUT),
    Fault(
        "large_picture",
        "note",
        "Decoding it takes longer than training on it; networks see a small copy anyway.",
        "Writes smaller copies, longest edge 2048 pixels, boxes along with them.",
    ),
    Fault("tiny_picture", "warning", "Scaled up it shows nothing that can be learnt.", _LEAVE_OUT),
    Fault(
        "wrong_extension",
        "warning",
        "Readers that trust the name refuse the picture.",
        "Names the copies by what they hold.",
    ),
    Fault(
        "rotated_by_exif",
        "warning",
        "Tools that ignore EXIF see the picture turned, and its boxes beside the objects.",
        "Writes copies with upright pixels and no EXIF orientation.",
    ),
    Fault(
        "listed_twice",
        "error",
        "The picture counts twice, each time with part of what is known about it.",
        "Joins the entries: all their labels and boxes, each once.",
    ),
    Fault(
        "unlisted_picture",
        "warning",
        "Nobody says what they show, so they are not used.",
        "Adds them as pictures that are still to be labelled.",
    ),
    # Recorded sizes
    Fault(
        "boxes_of_unturned_picture",
        "error",
        "The boxes were drawn on the picture before its EXIF orientation turned it, and lie beside the objects.",
        "Turns the boxes with the picture, and writes copies with upright pixels.",
    ),
    Fault(
        "boxes_at_other_size",
        "error",
        "The boxes were drawn on a larger or smaller copy, and lie beside the objects.",
        "Scales the boxes to the size of the file.",
    ),
    Fault(
        "wrong_recorded_size",
        "warning",
        "Tools that trust the recorded size put boxes in the wrong place.",
        "Records the size of the file.",
    ),
    # Copies
    Fault(
        "exact_duplicate",
        "warning",
        "What they show counts more than the rest, and they add nothing new.",
        "Keeps one of each, a labelled one where there is one.",
    ),
    Fault(
        "near_duplicate",
        "note",
        "What they show counts more than the rest, and they add little.",
        "Keeps one of each, a labelled one where there is one.",
    ),
    Fault("exact_leak", "error", _INFLATES, _KEEP_FOR_TESTING),
    Fault("near_leak", "warning", _INFLATES, _KEEP_FOR_TESTING),
    Fault(
        "conflicting_copies",
        "error",
        "One of the answers must be wrong, and no network can satisfy both.",
        "Leaves all of these copies out, as nobody can say which answer is right.",
    ),
    Fault("conflicting_near_copies", "warning", "If one of the answers is wrong, no network can satisfy both."),
    # Labels
    Fault(
        "unlabelled_picture",
        "note",
        "They are not used until somebody has labelled them.",
        "Leaves these pictures out.",
    ),
    Fault("mostly_background", "warning", "The network learns soonest that there is usually nothing to find."),
    Fault(
        "unknown_class",
        "error",
        "Training stops with an index error, or learns a class without a name.",
        "Leaves these labels and boxes out.",
    ),
    Fault("repeated_label", "warning", "The picture counts twice for this class.", "Keeps each label once."),
    Fault(
        "blank_class_name", "warning", "Results name a class that nobody can read.", 'Names them "class 0" and so on.'
    ),
    Fault(
        "several_spellings",
        "error",
        "The network must tell apart what is the same, and its examples are divided among the spellings.",
        "Joins them under the spelling used most.",
    ),
    Fault(
        "empty_class",
        "warning",
        "It can never be predicted rightly, and lowers every average over classes.",
        "Removes these classes.",
    ),
    Fault("tiny_class", "warning", "Too few examples to learn from, and none to spare for testing."),
    Fault("imbalance", "warning", "The network favours what is frequent; accuracy hides how it does on what is rare."),
    Fault("single_class", "error", "There is nothing to tell apart: every answer is the same and always right."),
    Fault("nothing_for_task", "error", "There is nothing to train on for this task."),
    Fault("too_little_data", "warning", "Accuracy will be low, and its interval so wide that comparisons say little."),
    # Boxes
    Fault("not_finite_box", "error", "The loss becomes not-a-number, and every weight with it.", _LEAVE_OUT_BOXES),
    Fault(
        "normalised_box",
        "error",
        "Edges between 0 and 1 were read as pixels: all boxes sit in the top left corner.",
        "Multiplies the edges by the size of the picture.",
    ),
    Fault("inverted_box", "error", "Training stops at a box of negative size.", "Swaps the edges that are reversed."),
    Fault("zero_area_box", "error", "Training stops at a box without area.", _LEAVE_OUT_BOXES),
    Fault("box_outside", "error", "The network is taught to find what is not in the picture.", _LEAVE_OUT_BOXES),
    Fault(
        "box_beyond_border",
        "warning",
        "Predictions end at the border, so the overlap with these boxes is never full.",
        "Cuts the boxes at the border.",
    ),
    Fault("tiny_box", "warning", "Smaller than any feature a network sees.", _LEAVE_OUT_BOXES),
    Fault(
        "absurd_box_shape",
        "warning",
        "No default box or anchor has such a shape; mostly a slip of the mouse.",
        _LEAVE_OUT_BOXES,
    ),
    Fault(
        "duplicate_box",
        "warning",
        "The second box counts as missed, as one object is found once.",
        "Keeps one of each.",
    ),
    Fault("box_of_two_classes", "warning", "The same object is taught as two things."),
    Fault(
        "crowded_picture", "note", "The usual score counts the 100 surest objects of a picture; the rest are missed."
    ),
    # Splits
    Fault(
        "unassigned_picture",
        "warning",
        "They belong to no split, so nothing uses them.",
        "Assigns them to the present splits: by class, copies kept together.",
    ),
    Fault(
        "missing_split",
        "error",
        "There is nothing to train on, or nothing to test on.",
        "Splits all pictures anew: by class, copies kept together, 70 % to train, 15 % each to val and test.",
    ),
    Fault("small_split", "warning", "Figures measured on so few pictures have intervals too wide to compare."),
    Fault("class_missing_in_split", "warning", "The class is never learnt, or never tested.", _SPLIT_ANEW),
)

FAULTS: dict[str, Fault] = {fault.code: fault for fault in _FAULTS}
"""Code to kind of fault, in the order in which they are shown."""
