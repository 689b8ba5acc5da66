"""How the documentation is built: `make docs` writes it to build/docs.

Pages stand in this folder and read well without a build. Around them are pages that are made anew each time, from the
tables of the code and from the reports beside the experiments and the weights; see `made.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import made  # noqa: E402

from spectrove.version import __version__  # noqa: E402

project = "Spectrove"
author = "The Spectrove developers"
project_copyright = author
version = release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb"]
exclude_patterns = ["_build", "static"]
root_doc = "index"

# Docstrings say `name` for code, as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the sections of the docstrings say what things are
napoleon_use_ivar = True
napoleon_attr_annotations = False

myst_enable_extensions: list[str] = []  # a dollar is a dollar: no page loads what draws formulas
myst_heading_anchors = 3
# Examples with "..." in them, and output, are not of the language that the block is coloured as.
# Names in docstrings that several classes have, such as `z`, are no links.
suppress_warnings = ["misc.highlighting_failure", "ref.python"]

# Notebooks are run once for each state of their cells; nothing of it is committed.
nb_execution_mode = "cache"
nb_execution_cache_path = os.environ.get("SPECTROVE_NOTEBOOKS", str(HERE.parent / "build" / "notebooks"))
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = "Spectrove"
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": [], "notebooks/gallery": []}  # elsewhere the pages of the section stand beside
html_static_path = ["static"]
html_css_files = ["spectrove.css"]
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    "navigation_with_keys": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}


def setup(app) -> None:
    """Pages that are made are written before the build begins; links between files become links between pages."""
    made.write(HERE)
    app.connect("source-read", made.relink)
