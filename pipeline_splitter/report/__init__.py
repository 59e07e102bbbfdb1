"""A plan as one self-contained page for people, and a run that has ended beside its plan.

`facts` says what the page knows, `layout` where the graph's nodes stand, `sentences` what is said in words, `page` puts
it into the page's own HTML, CSS and JavaScript, which lie in `page/`. Nothing is loaded from anywhere, and nothing that
a pipeline's author wrote becomes markup: it travels as JSON and is shown as text. The page of a run (`run_page`, with
`actual` for its figures and `timeline` for its drawing) has no facts for a script: it is all there as markup, escaped.
"""

from pipeline_splitter.report.comparison import Scenario
from pipeline_splitter.report.facts import gather
from pipeline_splitter.report.page import drawing_script, drawing_style, read_facts, write_report
from pipeline_splitter.report.run_page import write_run_report

__all__ = [
    "Scenario",
    "drawing_script",
    "drawing_style",
    "gather",
    "read_facts",
    "write_report",
    "write_run_report",
]
