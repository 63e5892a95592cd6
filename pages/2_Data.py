"""Data: bring pictures in, see what they are, have them checked and mended, label them."""

from __future__ import annotations

import streamlit as st

from pages import frame, told

SECTIONS = ("Overview", "Pictures", "Doctor", "Map", "Label", "Use it")

with frame("Data: your own pictures"):
    with st.spinner("Opening the workspace …"):
        from pages.parts.data import bring, choose, doctor, gallery, overview, shelf, trash, use
        from pages.parts.data import embedding as embedding_map

    with st.container():  # also when it is empty, so that what stands below it stays the same to the browser
        overview.painting(shelf.painting())
    opened = None
    with told():
        opened = choose.choose()
    key = f"bring_{st.session_state.get('brought', 0)}"  # folded again after something was brought in
    unfolded = st.session_state.setdefault(f"{key}_unfolded", opened is None)  # Fashion Shelf's arrival folds nothing
    with st.expander("Bring in a data set", icon=":material/upload:", expanded=unfolded, key=key):
        if brought := bring.draw():
            choose.show_newest(brought)
    if opened is None and not choose.list_datasets():
        st.info("There is no data set yet: drop a zip above, or wait for Fashion Shelf.", icon=":material/inventory_2:")
    elif opened is not None:
        section = st.segmented_control(
            "Show", SECTIONS, default=SECTIONS[0], required=True, key="section", bind="query-params"
        )
        with told():
            if section == "Pictures":
                gallery.draw(opened, doctor.findings_by_name(opened))
            elif section == "Doctor":
                doctor.draw(opened)
            elif section == "Map":
                embedding_map.draw(opened)
            elif section == "Label":
                use.label(opened)
            elif section == "Use it":
                use.draw(opened)
            else:
                overview.draw(opened)
            gallery.show_opened(opened)
    trash.draw()
