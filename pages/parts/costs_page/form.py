"""What to measure: models and runs of both tasks, and every combination of the conditions that are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import psutil
import streamlit as st

from pages import plain, told
from pages.parts.costs_page import code, kept
from vision_core.costs.bench import ARROW, ENGINES, PRECISIONS, TITLES, BenchPlan
from vision_core.costs.carbon import Region, list_regions
from vision_core.costs.prices import load_prices
from vision_core.data.wording import plural
from vision_core.errors import VisionError
from vision_core.models import list_models
from vision_core.models.weights import badge
from vision_core.predict import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR
from vision_core.runs import list_runs
from vision_core.training.overview import duration
from vision_core.types import ModelSpec

BATCHES = (1, 2, 4, 8, 16, 32, 64)
SIZES_PX = (128, 160, 224, 256, 320, 384, 512, 640)
OVERHEAD_S = 4.0
"""What a combination takes besides being timed: loading, warming up, counting; from experience on two cores."""
_TASKS = {"classification": "what", "detection": "what and where"}


def draw(measuring: bool) -> BenchPlan | None:
    """The form; returns the plan when its button is pressed. `measuring`: one is going on, a new one will wait."""
    specs = known_models()
    models = choose_models("models", "Models and runs", specs)
    pairs, crops = _in_turn(models, specs)
    left, right = st.columns(2, gap="large")
    with left:
        sizes = st.pills(
            "Batch sizes",
            BATCHES,
            selection_mode="multi",
            key=kept.some_of("batches", BATCHES, (1, 8)),
            help="Pictures that go through the network at once: more are quicker a picture, and slower a batch.",
        )
        engines = st.pills(
            "Engines",
            ENGINES,
            selection_mode="multi",
            format_func=lambda name: TITLES[name],
            key=kept.some_of("engines", ENGINES, ("eager", "onnxruntime")),
            help="What runs the network. Each is checked against PyTorch's answers before it is timed.",
        )
    with right:
        precisions = st.pills(
            "Precisions",
            PRECISIONS,
            selection_mode="multi",
            format_func=str,
            key=kept.some_of("precisions", PRECISIONS, ("fp32",)),
            help="; ".join(f"{name}: {TITLES[name]}" for name in PRECISIONS),
        )
        devices = st.pills(
            "Devices",
            devices_here(),
            selection_mode="multi",
            key=kept.some_of("devices", devices_here(), devices_here()[-1:]),
        )
    more = _more() | {"crops": crops}
    models = [*models, *pairs]
    name = st.text_input("Name of the measurement", key=kept.first("name", ""), placeholder=usual_name(models, specs))
    return _button(models, (sizes, precisions, engines, devices), more, name, measuring)


def known_models() -> dict[str, ModelSpec]:
    """Runs that can predict, newest first, then the catalogue; by what a plan calls them."""
    return {spec.name: spec for spec in (*list_runs(), *list_models())}


def choose_models(name: str, label: str, specs: dict[str, ModelSpec]) -> list[str]:
    """Any number of them, of both tasks."""
    labels = model_labels(specs)
    return st.multiselect(
        label,
        list(specs),
        format_func=lambda model: labels[model],
        key=kept.some_of(name, specs, usual_models(specs)),
        placeholder="choose models or runs",
        help="Your runs stand first. Networks whose weights are not here are timed with random ones: as quick, though "
        "what they say means nothing.",
    )


def _in_turn(models: Sequence[str], specs: dict[str, ModelSpec]) -> tuple[list[str], int]:
    """Each chosen detector with each chosen classifier as one thing to measure, where that is wanted; and the crops."""
    of_task = {task: [model for model in models if specs[model].task == task] for task in _TASKS}
    pairs = [f"{one}{ARROW}{other}" for one, other in product(of_task["detection"], of_task["classification"])]
    if not pairs:
        return [], 0
    with st.container(horizontal=True, vertical_alignment="center", gap="large"):
        label = "And the two in turn: detect-then-classify" + (f" · {len(pairs)} pairs" if len(pairs) > 1 else "")
        wanted = st.toggle(
            label,
            key=kept.first("paired", False),
            help="The detector looks at the picture, the classifier at each object that it finds. Without this, what "
            "both take together is an estimate from what each takes alone.",
        )
        if not wanted:
            return [], 0
        crops = st.number_input(
            "Objects a picture",
            1,
            1000,
            key=kept.first("crops", usual_crops()),
            width=160,
            help="So many crops does the classifier look at in each picture, whatever the detector finds in the sample "
            "photo that is measured with.",
        )
    return pairs, int(crops or 1)


def usual_crops() -> int:
    """As many objects as a year is reckoned with, where somebody said."""
    return max(1, round(float(st.session_state.get(kept.key("objects"), 3.0))))


def usual_models(specs: dict[str, ModelSpec]) -> list[str]:
    """The newest run of each task, else the embedded model."""
    found = []
    for task, default in (("classification", DEFAULT_CLASSIFIER), ("detection", DEFAULT_DETECTOR)):
        runs = [spec.name for spec in specs.values() if spec.task == task and spec.source == "run"]
        found.append((runs or [default])[0])
    return found


def model_labels(specs: dict[str, ModelSpec]) -> dict[str, str]:
    """Title, task and where the weights are; of runs with one title their folders too.

    A list knows its entries by what it calls them.
    """
    places = {name: "your run" if spec.source == "run" else badge(spec) for name, spec in specs.items()}
    said = {name: f"{spec.title} · {_TASKS[spec.task]} · {places[name]}" for name, spec in specs.items()}
    many = Counter(said.values())
    return {name: f"{label} · {Path(name).name}" if many[label] > 1 else label for name, label in said.items()}


def devices_here() -> tuple[str, ...]:
    """What PyTorch can use on this machine."""
    import torch

    return ("cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count())))


def usual_name(models: Sequence[str], specs: dict[str, ModelSpec]) -> str:
    """What a measurement is called by default."""
    alone = [model for model in models if model in specs]
    titles = [specs[model].title.partition(" (")[0] for model in alone]  # a run's without its network
    titles += ["in turn"] if len(alone) < len(models) else []
    return ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "") or "Measurement"


def _more() -> dict[str, object]:
    """Settings that most leave alone."""
    with st.expander("Input sizes, threads, time, money and electricity", icon=":material/tune:"):
        left, right = st.columns(2, gap="large")
        with left:
            sizes_px = st.pills(
                "Input sizes, px",
                SIZES_PX,
                selection_mode="multi",
                key=kept.some_of("sizes_px", SIZES_PX, ()),
                help="None chosen: each model's own.",
            )
            cores = _thread_counts(psutil.cpu_count() or 1)
            threads = st.pills(
                "CPU threads",
                cores,
                selection_mode="multi",
                key=kept.some_of("threads", cores, ()),
                help="None chosen: as many as PyTorch takes by itself.",
            )
            seconds = st.number_input(
                "Seconds for each combination",
                0.5,
                60.0,
                step=0.5,
                key=kept.first("seconds", 2.0),
                help="After warming up; a slow one runs at least five times.",
            )
        with right:
            price = choose_price("price", "Money at the price of")
            region = choose_region("region")
            watts = st.number_input(
                "Watts, where no counter can be read",
                0.0,
                20_000.0,
                step=5.0,
                key=kept.first("watts", 0.0),
                help="0: then energy and CO₂ stay unavailable. Else they are estimates from this figure.",
            )
    return {
        "input_sizes_px": tuple(sorted(sizes_px)),
        "threads": tuple(sorted(threads)),
        "seconds": float(seconds or 2.0),
        "price": price,
        "region": region,
        "watts": float(watts or 0.0),
    }


def _thread_counts(cores: int) -> tuple[int, ...]:
    """Powers of two up to the number of cores, and that number."""
    return tuple(sorted({*(2**power for power in range(cores.bit_length()) if 2**power <= cores), cores}))


def choose_price(name: str, label: str) -> str:
    """An entry of the price list by its name; "" where the list cannot be read, and the page says why."""
    with told():
        prices = {entry.name: entry for entry in load_prices().entries}
        options = list(prices)
        chosen = st.selectbox(
            label,
            options,
            format_func=lambda one: f"{one} · {prices[one].usd_per_hour:.4g} USD/h",
            key=kept.one_of(name, options, options[0]),
        )
        return chosen or options[0]
    return ""


def choose_region(name: str) -> str:
    """A grid region's code; "" for none."""
    with told():
        regions = {region.code: region for region in list_regions()}
        options = ["", *regions]
        chosen = st.selectbox(
            "Electricity of",
            options,
            format_func=lambda code: _region_label(regions[code]) if code else "nowhere: no CO₂",
            key=kept.one_of(name, options, ""),
            help="Yearly averages that come with codecarbon; nothing is looked up.",
        )
        return chosen or ""
    return ""


def _region_label(region: Region) -> str:
    return f"{region.name} · {region.g_per_kwh:.3g} g CO₂/kWh"


def _button(
    models: list[str],
    chosen: tuple[Sequence[int], Sequence[str], Sequence[str], Sequence[str]],
    more: dict[str, object],
    name: str | None,
    measuring: bool,
) -> BenchPlan | None:
    """How much it is, and the button; None until it is pressed."""
    sizes, precisions, engines, devices = chosen
    try:
        plan = BenchPlan(
            tuple(models),
            batch_sizes=tuple(sorted(sizes)),
            precisions=tuple(one for one in PRECISIONS if one in precisions),
            engines=tuple(one for one in ENGINES if one in engines),
            devices=tuple(devices),
            **more,  # type: ignore[arg-type]
        )
    except VisionError as error:
        said = _missing(models, chosen) or plain(str(error))
        st.warning(said, icon=":material/rule:")
        st.button("Measure", type="primary", icon=":material/timer:", disabled=True, key="bench_start")
        return None
    count = len(list(plan.cells()))
    st.markdown(
        f":material/grid_on: **{plural(count, 'combination')}**, about "
        f"{duration(count * (plan.seconds + OVERHEAD_S))}. They run in a process of their own; leave the machine alone "
        "meanwhile, for what else it does slows them down."
    )
    label = "Measure after the one that runs" if measuring else "Measure"
    pressed = st.button(label, type="primary", icon=":material/timer:", key="bench_start")
    code.of_plan(plan)
    return plan if pressed else None


def _missing(models: Sequence[str], chosen: Sequence[Sequence[object]]) -> str:
    """What was not chosen, in words; "" where something was of everything."""
    names = ("a model or run", "a batch size", "a precision", "an engine", "a device")
    empty = [name for name, values in zip(names, (models, *chosen), strict=True) if not values]
    return f"Choose {', '.join(empty)}." if empty else ""
