"""A plan as one self-contained page for people.

`facts` says what the page knows, `layout` where the graph's nodes stand, `sentences` what is said in words, `page` puts
it into the page's own HTML, CSS and JavaScript, which lie in `page/`. Nothing is loaded from anywhere, and nothing that
a pipeline's author wrote becomes markup: it travels as JSON and is shown as text.
"""

from pipeline_splitter.report.comparison import Scenario
from pipeline_splitter.report.page import write_report

__all__ = ["Scenario", "write_report"]
