"""Looks at a whole data set and says what is wrong with it."""

from __future__ import annotations

from vision_core.data.doctor.boxes import check_boxes
from vision_core.data.doctor.case import Case
from vision_core.data.doctor.catalogue import FAULTS
from vision_core.data.doctor.copies import check_copies
from vision_core.data.doctor.files import check_files
from vision_core.data.doctor.findings import CheckOptions, Diagnosis
from vision_core.data.doctor.labels import check_labels
from vision_core.data.doctor.splits import check_splits
from vision_core.data.index import DatasetIndex
from vision_core.data.survey import survey
from vision_core.data.threads import Progress

_CHECKS = (check_files, check_copies, check_labels, check_boxes, check_splits)
_SEVERITIES = ("error", "warning", "note")
_ORDER = {code: place for place, code in enumerate(FAULTS)}


def check(index: DatasetIndex, options: CheckOptions | None = None, progress: Progress | None = None) -> Diagnosis:
    """Opens every picture once, on all cores, and judges files, copies, labels, boxes and splits.

        for finding in check(index).findings:
            print(finding.severity, finding.sentence, finding.effect, finding.fix)

    Args:
        progress: called with how many pictures are done and how many there are; raise in it to cancel.
    """
    options = options or CheckOptions()
    case = Case(index, survey(index, progress, options.workers), options)
    findings = [finding for judge in _CHECKS for finding in judge(case)]
    findings.sort(key=lambda finding: (_SEVERITIES.index(finding.severity), _ORDER[finding.code]))
    return Diagnosis(
        format=index.format,
        images=len(index),
        boxes=index.boxes.num_rows,
        class_names=index.class_names,
        task=case.task,
        findings=tuple(findings),
        survey=case.survey,
        groups=case.groups,
        options=options,
    )
