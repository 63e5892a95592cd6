"""The helper that tests' training processes start with."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.training_processes import exit_status


def test_a_page_that_was_tested_before_is_not_run_by_the_process(tmp_path: Path) -> None:
    def page() -> None:
        import streamlit

        streamlit.write("A page whose file is gone when its test ends.")

    AppTest.from_function(page).run()  # which leaves the page as `__main__`
    assert exit_status("runs", "--json", said=tmp_path) == 0
