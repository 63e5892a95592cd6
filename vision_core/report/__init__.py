"""The report: everything about a duel, a run or a comparison of runs in one HTML file that opens anywhere.

    write_report(["workspace/duels/…"], Path("report.html"))
    report_html(["workspace/runs/a", "workspace/runs/b"])

The file asks nobody for anything: its charts, pictures and the library that draws them are inside, and its own policy
forbids it to load or run what is not. `subject` says what a report is about, `of_duel`, `of_run` and `of_comparison`
gather it, `page` writes it.
"""

from vision_core.report.build import report_html, write_report

__all__ = ["report_html", "write_report"]
