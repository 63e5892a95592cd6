"""A model card for a run or a model of the catalogue, in Hugging Face's format: YAML about it, then plain sections.

    print(model_card("workspace/runs/…"))
    write_card("workspace/runs/…", Path("card.md"))

What was not measured is not made up: the card says that it is missing and how to measure it. Names come from users and
data sets; in the YAML they are quoted by its own writer, in the text their Markdown is taken from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_core.drawing import clean_text
from vision_core.errors import VisionError
from vision_core.models.catalogue import get_spec
from vision_core.run_folder import STATUS, RunFolder
from vision_core.runs import is_run
from vision_core.written import check_ours, write_aside

if TYPE_CHECKING:
    from vision_core.evaluation.intervals import Interval
    from vision_core.evaluation.store import Evaluation
    from vision_core.types import ModelSpec

TEMPLATE = Path(__file__).resolve().parent / "assets" / "report" / "model_card.md.j2"
MARKER = "whatwhere"
"""The tag by which one of our cards is known."""
_LONGEST = 120
_MOST_CLASSES = 100
_PIPELINE = {"classification": "image-classification", "detection": "object-detection"}
_MAIN = {
    "classification": ("top1", "map", "f1_macro", "balanced_accuracy", "ece", "log_loss"),
    "detection": ("map", "map50", "map75", "ar100"),
}
_LICENCES = {"Apache-2.0": "apache-2.0", "MIT": "mit", "BSD-3-Clause": "bsd-3-clause"}
_COSTS = ("latency_ms_p50", "latency_ms_p95", "images_per_second", "peak_memory_bytes", "energy_wh_per_1k")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|<>~$&:])")


@dataclass(frozen=True)
class Judged:
    """How a run did on pictures it was not trained on.

    Attributes:
        figures: by name, as the glossary explains them; `intervals`: of those that have one.
    """

    evaluation: Evaluation
    figures: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)


def model_card(name: Path | str, judged: Judged | None = None) -> str:
    """The card of a run folder or a model of the catalogue, as Markdown.

    Args:
        judged: how it did, where that is known already; else the evaluation that the run keeps of its own test pictures
            is read, and its intervals are computed.

    Raises:
        ModelError: there is no such model. DataError, SettingsError: the run cannot be read.
    """
    from huggingface_hub import ModelCard, ModelCardData

    if is_run(str(name)):
        run = RunFolder(Path(name))
        judged = judged or judge(run)
        data, values = _of_run(run, judged)
    else:
        data, values = _of_spec(get_spec(str(name)))
    # ours, not Hugging Face's: a licence or tag that only its server knows must not be asked for
    card = ModelCard.from_template(ModelCardData(**data), template_str=TEMPLATE.read_text("utf-8"), **values)
    return str(card).rstrip() + "\n"


def write_card(name: Path | str, path: Path) -> Path:
    """Writes the card aside and renames it; a card of ours that is there is replaced.

    Raises:
        DataError: the file holds something else, or cannot be written; VisionError: as `model_card`.
    """
    check_ours(path, lambda start: start.startswith(b"---\n") and MARKER.encode() in start, "model card")
    return write_aside(path, model_card(name).encode("utf-8"))


def judge(run: RunFolder, evaluation: Evaluation | None = None, progress: Any = None) -> Judged | None:
    """The evaluation that a run keeps of its own test pictures, with intervals; None where it keeps none."""
    from vision_core.evaluation.figure_table import figure_intervals

    evaluation = evaluation or kept_evaluation(run)
    if evaluation is None:
        return None
    return Judged(evaluation, evaluation.figures, figure_intervals(evaluation.results, progress=progress))


def kept_evaluation(run: RunFolder, data: str = "") -> Evaluation | None:
    """What a run keeps of its test pictures: its own, or those of a data set that it was asked about.

    Args:
        data: the name or id of the other data set.
    """
    from vision_core.evaluation.store import list_evaluations

    kept = [one for one in list_evaluations(run.path) if one.about.get("asked") == "test"]
    own = [one for one in kept if one.is_own]
    other = [one for one in kept if data and not one.is_own and one.data == data]
    return next(iter([*other, *own]), None)


def plain_name(text: str, longest: int = _LONGEST) -> str:
    """A name from elsewhere on one line: control and direction characters gone, and not too long."""
    line = clean_text(str(text))
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def data_title(name: str) -> str:
    """What people call a data set that a run or an evaluation names by its id, folder or name."""
    from vision_core.data.library import get_dataset

    try:
        return get_dataset(name).name
    except VisionError:
        return Path(name).name


def in_markdown(text: str) -> str:
    """A name from elsewhere as Markdown shows it as it is.

    >>> in_markdown("<b>[x](y)")
    '\\\\<b\\\\>\\\\[x\\\\]\\\\(y\\\\)'
    """
    return _MARKDOWN.sub(r"\\\1", plain_name(text))


def _of_run(run: RunFolder, judged: Judged | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The YAML's fields, and what the sections say."""
    from vision_core.training.export import file_name, loading_code

    record = run.record()
    config = dict(record.config)
    spec = get_spec(str(config["model"]))
    names = [plain_name(each) for each in config.get("class_names", [])]
    data = _about_spec(spec) | {"model_name": plain_name(record.name)}
    if judged is not None:
        data["eval_results"] = _results(spec, judged)
    try:
        loading = loading_code(run, file_name(run)).code
    except VisionError:
        loading = ""
    values = _text_of_spec(spec) | {
        "title": in_markdown(record.name),
        "note": in_markdown(record.note),
        "made_of": "fine-tuned" if config.get("start", "pretrained") == "pretrained" else "trained",
        "data": in_markdown(data_title(str(config.get("data", "")))),
        "classes": [in_markdown(each) for each in names[:_MOST_CLASSES]],
        "more_classes": max(0, len(names) - _MOST_CLASSES),
        "settings": [(name, in_markdown(_said(value))) for name, value in _settings(config)],
        "environment": [(name, in_markdown(value)) for name, value in environment(config)],
        "seconds": _seconds(run),
        "judged": None if judged is None else _judged(spec, judged),
        "costs": _costs(run),
        "run": in_markdown(run.path.name),
        "file": "" if not loading else file_name(run),
        "loading": loading.rstrip(),
    }
    return data, values


def _of_spec(spec: ModelSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    blank: dict[str, Any] = dict.fromkeys(("note", "made_of", "data", "seconds", "run", "file"), "")
    blank |= {"classes": [], "more_classes": 0, "settings": [], "environment": [], "judged": None, "costs": []}
    loading = f"from vision_core import load_{'classifier' if spec.task == 'classification' else 'detector'}\n\n"
    loading += f"model = load_{'classifier' if spec.task == 'classification' else 'detector'}({spec.name!r})"
    values = _text_of_spec(spec) | blank | {"title": in_markdown(spec.title), "loading": loading}
    return _about_spec(spec) | {"model_name": spec.name}, values


def _about_spec(spec: ModelSpec) -> dict[str, Any]:
    """What the YAML says of any model of this kind."""
    licence = next((tag for name, tag in _LICENCES.items() if spec.weights_licence.startswith(name)), "other")
    library = {"timm": "timm", "libreyolo": "libreyolo", "torchvision": "torchvision"}.get(spec.source, "pytorch")
    tags = [MARKER, spec.task, spec.family]
    return {
        "license": licence,
        "library_name": library,
        "pipeline_tag": _PIPELINE[spec.task],
        "tags": list(dict.fromkeys(plain_name(tag) for tag in tags)),
    }


def _text_of_spec(spec: ModelSpec) -> dict[str, Any]:
    from vision_core.models.published import published

    return {
        "task": spec.task,
        "does": "image classification" if spec.task == "classification" else "object detection",
        "network": f"{spec.title} (`{spec.name}`, {spec.family}, {spec.year})",
        "parameters": f"{spec.parameters / 1e6:.1f} million",
        "summary": spec.summary,
        "suits": spec.suits,
        "code_licence": spec.code_licence,
        "weights_licence": spec.weights_licence,
        "published": None if (known := published(spec)) is None else f"{known} ({known.source})",
    }


def _results(spec: ModelSpec, judged: Judged) -> list[Any]:
    from huggingface_hub import EvalResult

    evaluation = judged.evaluation
    name = plain_name(data_title(evaluation.data)) or "unnamed"
    return [
        EvalResult(
            task_type=_PIPELINE[spec.task],
            dataset_type="own",
            dataset_name=name,
            dataset_split=evaluation.split or "all",
            metric_type=metric,
            metric_name=_title(metric, spec.task),
            metric_value=float(judged.figures[metric]),
        )
        for metric in _MAIN[spec.task]
        if metric in judged.figures
    ]


def _judged(spec: ModelSpec, judged: Judged) -> dict[str, Any]:
    from vision_core.glossary import say

    rows = []
    for name in _MAIN[spec.task]:
        if name not in judged.figures:
            continue
        found = judged.intervals.get(name)
        ends = f"{say(name, found.low, spec.task)} to {say(name, found.high, spec.task)}" if found else "unknown"
        rows.append((_title(name, spec.task), say(name, judged.figures[name], spec.task), ends))
    evaluation = judged.evaluation
    split = f"the split “{in_markdown(evaluation.split)}”" if evaluation.split else "all labelled pictures"
    return {
        "rows": rows,
        "pictures": f"{len(evaluation.results):,}",
        "split": split,
        "data": in_markdown(data_title(evaluation.data)),
        "made_at": evaluation.made_at[:10],
    }


def _title(name: str, task: str) -> str:
    from vision_core import glossary

    return glossary.term(name, task).title


def _settings(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    from vision_core.training.config import SETTINGS

    return [(name, value) for name, value in config.items() if name in SETTINGS and name != "data"]


def _said(value: object) -> str:
    if value is None or value == "" or value == []:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def environment(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Hardware and versions that a run's configuration holds, as pairs of words."""
    known = config.get("environment") or {}
    found = [
        ("device", str(known.get("device", ""))),
        ("processor cores", str(known.get("cores", ""))),
        ("memory", f"{known['memory_bytes'] / 1e9:.1f} GB" if known.get("memory_bytes") else ""),
        ("system", str(known.get("system", ""))),
        ("Python", str(known.get("python", ""))),
        ("WhatWhere", str(known.get("code", ""))),
        *((str(name), str(version)) for name, version in (known.get("packages") or {}).items()),
    ]
    return [(name, plain_name(value)) for name, value in found if value]


def _seconds(run: RunFolder) -> str:
    from vision_core.training.overview import duration

    seconds = run.read(STATUS).get("seconds")
    return duration(float(seconds)) if isinstance(seconds, int | float) else ""


def _costs(run: RunFolder) -> list[dict[str, Any]]:
    """Each condition that the run was measured under, in words."""
    from vision_core.costs.bench_store import costs_of_run
    from vision_core.glossary import say, term

    found = []
    for row in costs_of_run(run.path):
        known = [name for name in _COSTS if isinstance(row.get(name), int | float)]
        said = [(term(name).title, say(name, row[name])) for name in known]
        where = f"{row.get('device')}, {row.get('precision')}, {row.get('engine', 'eager')}, batches of "
        if said:
            found.append({"where": in_markdown(f"{where}{row.get('batch_size')}"), "rows": said})
    return found
