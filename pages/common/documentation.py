"""The pages of the folder `docs` as the app shows them, so that help is at hand without a network."""

import re
from itertools import pairwise
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

DOCS = Path(__file__).resolve().parents[2] / "docs"
"""The pages; a wheel has none."""

ADDRESS = "/documentation"

KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".ipynb": "application/json"}
"""What else of the folder is served, by ending."""

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.6 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1rem}
pre{overflow-x:auto;padding:.8rem;border-radius:.4rem;background:color-mix(in srgb,currentColor 8%,transparent)}
code{font-size:.9em}img{max-width:100%}.table{overflow-x:auto}
table{border-collapse:collapse}th,td{border-bottom:1px solid;padding:.3rem .6rem;text-align:left;vertical-align:top}
"""


def link() -> None:
    """The line at the foot of a page that leads to the documentation, where there is any."""
    if DOCS.is_dir():
        gr.HTML(f'<p class="section"><a href="{ADDRESS}/index.md" target="_blank">Documentation</a></p>')


def serve_documentation(server: FastAPI, folder: Path = DOCS) -> None:
    """Answer at `ADDRESS` with the pages of a folder; only what lies in it now, by its name, is ever served."""
    files = {file.name: file for file in folder.glob("*") if file.suffix in (".md", *KINDS)}

    def page(request: Request) -> Response:
        file = files.get(request.path_params["name"])
        if file is None:
            return HTMLResponse("There is no such page.", status_code=404)
        if file.suffix == ".md":
            return HTMLResponse(page_html(file.read_text("utf-8")))
        return Response(file.read_bytes(), media_type=KINDS[file.suffix])

    def first(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}{ADDRESS}/index.md")

    if files:  # before Gradio's own routes, which take any address for a page's
        server.router.routes[:0] = [Route(ADDRESS, first), Route(f"{ADDRESS}/{{name}}", page)]


def page_html(text: str) -> str:
    """A page of Markdown as HTML with anchors; HTML within it is shown as text, comments are left out."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(re.sub(r"^<!--.*-->\n", "", text, flags=re.MULTILINE))
    title = "Documentation"
    for opened, inside in pairwise(tokens):
        if opened.type == "heading_open":
            opened.attrSet("id", re.sub(r"[^\w -]", "", inside.content.lower()).replace(" ", "-"))
            title = inside.content if opened.tag == "h1" else title
    body = markdown.renderer.render(tokens, markdown.options, {})
    body = body.replace("<table>", '<div class="table" tabindex="0"><table>').replace("</table>", "</table></div>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    home = f'<p><a href="{ADDRESS}/index.md">All pages</a></p>'
    name = title.replace("&", "&amp;").replace("<", "&lt;")
    return f'<!doctype html><html lang="en"><head><title>{name}</title>{head}</head><body>{home}{body}</body></html>'
