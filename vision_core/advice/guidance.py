"""Candidates where nothing was measured: of each way the first network of the catalogue that its licence allows."""

from __future__ import annotations

from functools import lru_cache

from vision_core.advice.evidence import Candidate, Source, Taught, licences_of
from vision_core.advice.licences import is_copyleft, is_non_commercial, own_terms
from vision_core.advice.needs import OBJECTS, Needs
from vision_core.costs.scenario import paces
from vision_core.data.effort import Amount, bill
from vision_core.duel.plan import CLASSIFIER, DETECTOR, TITLES
from vision_core.types import ModelSpec, Task

PICTURES = 200
"""Labelled, where nobody said how many: what the labelling of the ways is compared with."""


def guided(needs: Needs) -> tuple[Candidate, ...]:
    """Classification, detection and the two in turn, as the catalogue has them."""
    classifier = _allowed("classification", CLASSIFIER, needs.no_copyleft, needs.no_non_commercial)
    detector = _allowed("detection", DETECTOR, needs.no_copyleft, needs.no_non_commercial)
    networks = {"classification": (classifier,), "detection": (detector,), "two-stage": (detector, classifier)}
    taught = {kind: _taught("classification" if kind == "classification" else "detection", needs) for kind in networks}
    return tuple(
        Candidate(
            name=kind,
            title=TITLES[kind],
            kind=kind,
            model=">".join(names),
            networks=names,
            licences=licences_of(names),
            taught=taught[kind],
            sources={"figures": Source("catalogue", names[0])},
        )
        for kind, names in networks.items()
    )


@lru_cache(maxsize=16)
def _allowed(task: Task, usual: str, no_copyleft: bool, no_non_commercial: bool) -> str:
    """The usual one where its licences may be, else the first that may; the usual one where none may."""
    from vision_core.models.catalogue import list_models

    specs = sorted(list_models(task), key=lambda spec: spec.name != usual)
    return next((one.name for one in specs if _may(one, no_copyleft, no_non_commercial)), usual)


def _may(spec: ModelSpec, no_copyleft: bool, no_non_commercial: bool) -> bool:
    said = [own_terms(one) for one in (spec.code_licence, spec.weights_licence)]
    barred = no_copyleft and any(is_copyleft(one) for one in said)
    return not (barred or (no_non_commercial and any(is_non_commercial(one) for one in said)))


def _taught(task: Task, needs: Needs) -> Taught:
    """What labels would take at the published pace: one a class that is there, as many as objects at the most."""
    pictures = needs.labelled or PICTURES
    marks = round(pictures * (OBJECTS[needs.objects] if needs.objects else OBJECTS["few"]))
    pace = paces(task)[0]
    amount = Amount(pictures, marks) if task == "detection" else Amount(marks if pace.each_label else pictures)
    found = bill(amount, pace.rate, 0.0)
    return Taught(pictures, marks, found.hours if found else None, pace.source)
