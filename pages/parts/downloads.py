"""Results to take away (JSON, CSV, COCO, YOLO, annotated PNG) and the code that reproduces the screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from pages import plain
from pages.parts import engine
from pages.parts.columns import Shown, draw_options, result
from pages.parts.controls import Contender, View
from pages.parts.engine import Ref
from vision_core.drawing import draw_detections, encode_png
from vision_core.exports import PictureResult, safe_stems, to_coco, to_contract, to_csv, to_yolo_zip
from vision_core.images import Picture
from vision_core.samples import list_samples
from vision_core.snippets import SnippetSettings, notebook, python_snippet

File = tuple[str, str, str, Callable[[], str | bytes]]  # label, file name, media type, how to make it


def panel(columns: list[Shown], refs: tuple[Ref, ...], picture: Picture, view: View) -> None:
    """Draws the download buttons and the code. Files are made when a button is pressed, not on every slider move."""
    st.subheader("Take it with you", anchor=False)
    contenders = [column.contender for column in columns]
    several = len(refs) > 1 and st.toggle(
        f"All {len(refs)} pictures", key="all_pictures", help="Otherwise only the picture that is open."
    )
    pictures = refs if several else (Ref(picture.sha256, picture.name),)
    stem = "pictures" if several else safe_stems([picture.name])[0]

    def results() -> list[PictureResult]:
        return [made for ref in pictures for made in _results(ref, contenders, view)]

    files: list[File] = [
        ("JSON", f"{stem}.json", "application/json", lambda: _json(results(), view)),
        ("CSV", f"{stem}.csv", "text/csv", lambda: to_csv(results(), view.top_k)),
    ]
    if any(contender.detector for contender in contenders):
        files += [
            ("COCO", f"{stem}-coco.json", "application/json", lambda: json.dumps(to_coco(_with_boxes(results())))),
            ("YOLO", f"{stem}-yolo.zip", "application/zip", lambda: to_yolo_zip(_with_boxes(results()))),
            *_pngs(columns, picture, stem),
        ]
    with st.container(horizontal=True):
        for number, (label, name, mime, make) in enumerate(files):
            st.download_button(
                label, make, name, mime, key=f"download_{number}", on_click="ignore", icon=":material/download:"
            )
    _code(columns, picture, view)


def _results(ref: Ref, contenders: list[Contender], view: View) -> list[PictureResult]:
    """One picture's answers; the first record holds one of each task, further models follow in records of their own."""
    picture = engine.picture(ref.digest)
    first = PictureResult(ref.name, picture.width_px, picture.height_px)
    records = [first]
    for contender in contenders:
        shown = result(contender, ref.digest, picture, view)
        part = "pipeline" if shown.pipeline else "detections" if shown.detections is not None else "classification"
        value = getattr(shown, part)
        if getattr(records[-1], part) is not None:
            records.append(first)
        records[-1] = replace(records[-1], **{part: value})
    return records


def _with_boxes(results: list[PictureResult]) -> list[PictureResult]:
    """Those with a detector's boxes; a picture compared under several detectors keeps one entry for each."""
    return [item for item in results if item.boxes is not None]


def _json(results: list[PictureResult], view: View) -> str:
    return json.dumps([to_contract(item, view.top_k) for item in results], ensure_ascii=False)


def _pngs(columns: list[Shown], picture: Picture, stem: str) -> list[File]:
    """The picture at full size with boxes, one PNG for each column that has any."""
    drawn = [column for column in columns if column.boxes is not None]
    names = safe_stems([f"{stem}-{column.contender.title}" for column in drawn])
    return [
        (_png_label(column, len(drawn)), f"{name}.png", "image/png", lambda column=column: _png(column, picture))
        for name, column in zip(names, drawn, strict=True)
    ]


def _png_label(column: Shown, count: int) -> str:
    return "Annotated PNG" if count == 1 else f"PNG: {plain(column.contender.kind.lower())}"


def _png(column: Shown, picture: Picture) -> bytes:
    if column.boxes is None:
        raise ValueError("a column without boxes has no annotated picture")
    return encode_png(draw_detections(picture.pixels, column.boxes, draw_options(column)))


def _code(columns: list[Shown], picture: Picture, view: View) -> None:
    pairs = [c.contender for c in columns if c.contender.classifier and c.contender.detector]
    samples = {sample.path.name: sample.name for sample in list_samples()}
    wanted = SnippetSettings(
        image=samples.get(picture.name, picture.name),
        is_sample=picture.name in samples,
        classifiers=tuple(str(c.contender.classifier) for c in columns if c.classification),
        detectors=tuple(str(c.contender.detector) for c in columns if c.detections is not None),
        pipeline=(str(pairs[0].detector), str(pairs[0].classifier)) if pairs else None,
        score=view.score,
        iou=view.iou,
        only=view.only,
        top_k=view.top_k,
    )
    with st.expander("Show the code", icon=":material/code:"):
        st.caption("These lines give exactly what is on screen; run them beside `app.py`.")
        st.code(python_snippet(wanted), language="python")
        st.download_button(
            "As a notebook",
            lambda: notebook(wanted),
            "compare.ipynb",
            "application/x-ipynb+json",
            key="download_notebook",
            on_click="ignore",
            icon=":material/menu_book:",
        )
