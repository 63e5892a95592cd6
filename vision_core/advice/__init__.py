"""The advisor: which task, then which model, then which preset, with the measured numbers behind it.

    found = advise(Needs(ask=("count",), pictures_a_day=40_000), evidence())
    found.sentences, found.shortlist, found.changes

`needs` is what its user says, `evidence` what was measured, `rules` the one table that decides, `prospects` what each
candidate comes to under those needs, `ranking` the answer, `changes` what would turn it.
"""

from vision_core.advice.answer import Advice, advise
from vision_core.advice.evidence import Evidence, evidence
from vision_core.advice.needs import Needs

__all__ = ["Advice", "Evidence", "Needs", "advise", "evidence"]
