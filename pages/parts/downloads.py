"""Results to take away (JSON, CSV, COCO, YOLO, annotated PNG) and the code that reproduces the screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256

import streamlit as st

from pages import plain
from pages.parts import code, engine
from pages.parts.columns import Shown, draw_options, result
from pages.parts.controls import Contender, View
from pages.parts.engine import Ref
from vision_core.drawing import draw_detections, encode_png
from vision_core.exports import PictureResult, safe_stems, to_coco, to_contract, to_csv, to_yolo_zip
from vision_core.samples import list_samples
from vision_core.snippets import SnippetSettings, notebook, python_snippet

File = tuple[str, str, str, Callable[[], str | bytes]]  # label, file name, media type, how to make it


def panel(columns: list[Shown], ref: Ref, refs: tuple[Ref, ...], view: View) -> None:
    """Draws the download buttons and the code. Files are made when a button is pressed, not on every slider move."""
    st.subheader("Take it with you", anchor=False)
    contenders = [column.contender for column in columns]
    several = len(refs) > 1 and st.toggle(
        f"All {len(refs)} pictures",
        key="all_pictures",
        bind="query-params",
        help="Otherwise only the picture that is open.",
    )
    pictures = refs if several else (ref,)
    stem = "pictures" if several else safe_stems([ref.name])[0]

    def results(only: Contender | None = None) -> list[PictureResult]:
        return [made for ref in pictures for made in _results(ref, [only] if only else contenders, view)]

    files: list[File] = [
        ("JSON", f"{stem}.json", "application/json", lambda: _json(results(), view)),
        ("CSV", f"{stem}.csv", "text/csv", lambda: to_csv(results(), view.top_k)),
    ]
    alone = [contender for contender in contenders if contender.detector and not contender.classifier]
    names = safe_stems([f"{stem}-{contender.title}" for contender in alone])
    for contender, name in zip(alone, names, strict=True):
        which = f": {plain(contender.title)}" if len(alone) > 1 else ""
        files += [
            (f"COCO{which}", f"{name}-coco.json", "application/json", partial(_coco, results, contender)),
            (f"YOLO{which}", f"{name}-yolo.zip", "application/zip", partial(_yolo, results, contender)),
        ]
    files += _pngs(columns, ref, stem)
    with st.container(horizontal=True):
        for number, (label, name, mime, make) in enumerate(files):
            st.download_button(
                label, make, name, mime, key=f"download_{number}", on_click="ignore", icon=":material/download:"
            )
    _code(columns, ref, view)


def _results(ref: Ref, contenders: list[Contender], view: View) -> list[PictureResult]:
    """One picture's answers; the first record holds one of each task, further models follow in records of their own."""
    picture = engine.store().picture(ref.digest)
    first = PictureResult(ref.name, picture.width_px, picture.height_px)
    records = [first]
    for contender in contenders:
        shown = result(contender, ref, view)
        part = "pipeline" if shown.pipeline else "detections" if shown.detections is not None else "classification"
        value = getattr(shown, part)
        if getattr(records[-1], part) is not None:
            records.append(first)
        records[-1] = replace(records[-1], **{part: value})
    return records


def _coco(results: Callable[[Contender], list[PictureResult]], contender: Contender) -> str:
    return json.dumps(to_coco(results(contender)))


def _yolo(results: Callable[[Contender], list[PictureResult]], contender: Contender) -> bytes:
    return to_yolo_zip(results(contender))


def _json(results: list[PictureResult], view: View) -> str:
    return json.dumps([to_contract(item, view.top_k) for item in results], ensure_ascii=False)


def _pngs(columns: list[Shown], ref: Ref, stem: str) -> list[File]:
    """The picture at full size with boxes, one PNG for each column that has any."""
    drawn = [column for column in columns if column.boxes is not None]
    names = safe_stems([f"{stem}-{column.contender.title}" for column in drawn])
    kinds = {column.contender.kind for column in drawn}
    return [
        (
            f"PNG: {plain(column.contender.kind.lower() if len(kinds) == len(drawn) else column.contender.title)}",
            f"{name}.png",
            "image/png",
            partial(_png, column, ref),
        )
        for name, column in zip(names, drawn, strict=True)
    ]


def _png(column: Shown, ref: Ref) -> bytes:
    if column.boxes is None:
        raise ValueError("a column without boxes has no annotated picture")
    pixels = engine.store().picture(ref.digest).pixels
    return encode_png(draw_detections(pixels, column.boxes, draw_options(column)))


@st.cache_resource(show_spinner=False)
def _sample_names() -> dict[str, str]:
    """Each sample's name by its digest: a visitor's file may be called like one."""
    return {sha256(sample.path.read_bytes()).hexdigest(): sample.name for sample in list_samples()}


def _code(columns: list[Shown], ref: Ref, view: View) -> None:
    pairs = [c.contender for c in columns if c.contender.classifier and c.contender.detector]
    sample = _sample_names().get(ref.digest)
    wanted = SnippetSettings(
        image=sample or ref.name,
        is_sample=sample is not None,
        classifiers=tuple(str(c.contender.classifier) for c in columns if c.classification is not None),
        detectors=tuple(str(c.contender.detector) for c in columns if c.detections is not None),
        pipeline=(str(pairs[0].detector), str(pairs[0].classifier)) if pairs else None,
        score=view.score,
        iou=view.iou,
        only=view.only,
        top_k=view.top_k,
    )
    code.draw(python_snippet(wanted), lambda: notebook(wanted), "compare", "download")
