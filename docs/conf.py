"""Sphinx's settings for the site; `make site` composes the sources and calls Sphinx from the repository root."""

from course.workshop.editions import settings
from ngpu_lib import __version__

AT = settings()
OWNER, NAME = AT["repository"].split("/")

project = "Learning algorithms with neural networks"
author = "The course authors"
version = release = __version__
language = "en"
extensions = ["myst_nb", "sphinx.ext.mathjax"]
nitpicky = True
exclude_patterns = ["_build"]

nb_execution_mode = "off"  # course/workshop/execution.py did it
nb_code_prompt_show, nb_code_prompt_hide = "Show code", "Hide code"  # of a folded cell
nb_ipywidgets_js = {"widgets.js": {"defer": "defer"}}
myst_enable_extensions = ["dollarmath"]
myst_links_external_new_tab = False

mathjax_path = "mathjax/tex-chtml.js"
mathjax4_config = None
mathjax3_config = {"chtml": {"displayAlign": "left"}}

html_theme = "furo"
html_title = project
html_favicon = "icon.svg"
html_baseurl = f"https://{OWNER}.github.io/{NAME}/"
html_static_path = []  # composed; course/workshop/site.py names it
html_css_files = ["course.css"]
html_js_files = [("course.js", {"defer": "defer"}), ("progress.js", {"defer": "defer"})]
templates_path = ["_templates"]
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_context = {"repository": AT["repository"]}
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00598c", "color-brand-content": "#00598c"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}
