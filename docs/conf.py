"""The documentation site: `pip install '.[docs]' && sphinx-build -W docs out/site`."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402

import stimplan  # noqa: E402

project = "stimplan"
author = "The stimplan authors"
copyright = author
version = release = stimplan.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode",
              "sphinx_gallery.gen_gallery"]  # fmt: skip
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["decisions/README.md"]
default_role = "code"
suppress_warnings = ["myst.header", "config.cache"]

html_theme = "pydata_sphinx_theme"
html_title = "stimplan"
html_theme_options = {"navbar_align": "left", "show_toc_level": 2, "use_edit_page_button": False}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False

napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give types with shapes and units

# The examples are tests, which run them all; here only what takes a second is run.
sphinx_gallery_conf = {
    "default_thumb_file": str(HERE / "gallery" / "overview.png"),
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "examples",
    "filename_pattern": r".*" if os.environ.get("STIMPLAN_DOCS_RUN_ALL") else r"check_without_a_head\.py",
    "ignore_pattern": r"__init__\.py",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "abort_on_example_error": True,
}


def bars_as_bars(app, what, name, obj, options, lines):
    """Keep |E| what it is: the size of a vector, and no substitution."""
    lines[:] = [re.sub(r"\|(?=\S)|(?<=\S)\|", r"\\|", line) for line in lines]


def setup(app):
    """Write the pages that are made from the program before anything is read."""
    app.connect("builder-inited", lambda _: generate.write_pages(HERE / "reference" / "generated"))
    app.connect("autodoc-process-docstring", bars_as_bars)
