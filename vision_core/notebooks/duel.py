"""The Decide page as a notebook: an opened duel reckoned anew from raw predictions, and what is advised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vision_core.duel.folder import duels_folder
from vision_core.duel.plan import FIGURE_OF, DuelPlan
from vision_core.notebooks.writer import Step, keywords, lines, script, write

INTRO = (
    "The same duel as on the Decide page, reckoned anew from what each network said of each held-out picture. Run it "
    "where `vision_core` and this workspace are; nothing is trained."
)


@dataclass(frozen=True, kw_only=True)
class DuelView:
    """What the Decide page shows.

    Attributes:
        duel: the folder of the duel that is open; None: advice alone.
        question: what it was about; figure, axis: of the learning curves, "" figure: the question's own.
        needs: as `vision_core.advice.needs.Needs` writes them down; None where no advice is asked for.
    """

    duel: Path | None = None
    question: str = "presence"
    figure: str = ""
    axis: str = "pictures"
    needs: Mapping[str, Any] | None = field(default=None)


def notebook(view: DuelView) -> bytes:
    """What is on screen as a notebook."""
    return write("Do we need detection, or will classification do?", INTRO, steps(view))


def python_code(view: DuelView) -> str:
    """The same lines as one script."""
    return script(steps(view))


def steps(view: DuelView) -> list[Step]:
    """The duel, its yardstick, verdict and curves; and the advice."""
    found = [] if view.duel is None else [_opening(view.duel), *_reckoned(), _curves(view)]
    return [*found, *([] if view.needs is None else [_advice(view)])]


def plan_notebook(plan: DuelPlan) -> bytes:
    """The form as a notebook: it fights when it is run, and goes on where it was stopped."""
    return write("Do we need detection, or will classification do?", INTRO, plan_steps(plan))


def plan_steps(plan: DuelPlan) -> list[Step]:
    """The plan, and the fight."""
    usual = DuelPlan(data=plan.data)
    kept = {name: getattr(plan, name) for name in plan.to_json()}
    changed = {name: value for name, value in kept.items() if name == "data" or value != getattr(usual, name)}
    asked = lines("from vision_core.duel.plan import DuelPlan", "\nplan = DuelPlan(", *keywords(changed), ")")
    fight = lines(
        "from vision_core.duel.fight import fight",
        "from vision_core.duel.folder import create_duel",
        "\nduel = create_duel(plan)  # in the workspace: it stands on the Decide page while it is fought",
        "result = fight(duel)",
        "print(result['verdict']['sentence'])",
    )
    return [
        Step("What is asked", "One question, two contenders or three, the same pictures for all.", asked),
        Step("The duel", "Stopped and run again, the cell begins another; `fight(duel)` alone goes on.", fight),
        *_reckoned(),
    ]


def _opening(path: Path) -> Step:
    imports, where = "DuelFolder", repr(str(path))
    if path.parent == duels_folder():
        imports, where = "DuelFolder, duels_folder", f"duels_folder() / {path.name!r}"
    code = lines(
        f"from vision_core.duel.folder import {imports}",
        f"\nduel = DuelFolder.open({where})",
        "result = duel.result()",
        "print(result['pictures'], 'held-out pictures of', len(result['classes']), 'classes')",
    )
    return Step("The duel", "All that follows is said of these held-out pictures.", code)


def _reckoned() -> list[Step]:
    table = lines(
        "import pandas as pd",
        "from vision_core.duel.again import decide, yardsticks",
        "from vision_core.evaluation.figure_table import yardstick_rows",
        "\nsticks = yardsticks(duel)  # from raw predictions, not from the result",
        "yardstick = pd.DataFrame(yardstick_rows(list(sticks.values()), list(sticks))).set_index('run').T",
        "yardstick",
    )
    return [
        Step("One yardstick", "Nothing stands where a contender cannot say.", table),
        Step(
            "The verdict",
            "Of those that the pictures cannot tell apart the quickest wins.",
            lines("verdict = decide(duel, sticks)", "print(verdict.sentence)"),
        ),
    ]


def _curves(view: DuelView) -> Step:
    figure = view.figure or FIGURE_OF[view.question]
    code = lines(
        "from vision_core.duel.charts import in_words, learning_curves",
        f"\nfigure, axis = {figure!r}, {view.axis!r}",
        "sentences = in_words(result, figure)",
        "for sentence in sentences:",
        "    print(sentence)",
        "learning_curves(result, figure, axis)",
    )
    return Step("What more labels would buy", "A curve that still rises pays for labelling.", code)


def _advice(view: DuelView) -> Step:
    code = lines(
        "from vision_core.advice.answer import advise",
        "from vision_core.advice.evidence import evidence",
        "from vision_core.advice.needs import Needs",
        f"\nneeds = Needs.from_json({dict(view.needs or {})!r})",
        f"advice = advise(needs, evidence({'duel' if view.duel is not None else ''}))",
        "for sentence in advice.sentences:",
        "    print(sentence)",
        "[listed.title for listed in advice.shortlist]",
    )
    return Step("What is advised", "Each rule that fired names its source, each number its run.", code)
