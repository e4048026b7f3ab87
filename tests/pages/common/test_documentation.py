"""The documentation within the app: the folder's own pages, and nothing else of the machine."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.common.documentation import ADDRESS, DOCS, page_html, serve_documentation


@pytest.fixture(scope="module")
def client() -> TestClient:
    server = FastAPI()
    server.add_api_route("/{page:path}", lambda page: f"Gradio's page {page}")
    serve_documentation(server)
    return TestClient(server)


def test_every_page_is_shown_and_its_links_are_too(client):
    assert "<h1" in client.get(ADDRESS).text, "the first page"
    for file in DOCS.glob("*.md"):
        shown = client.get(f"{ADDRESS}/{file.name}")
        assert shown.status_code == 200 and "<h1" in shown.text and "!-- not run" not in shown.text
        for target in re.findall(r'(?:href|src)="([\w.]+)(?:#[\w-]+)?"', shown.text):
            assert client.get(f"{ADDRESS}/{target}").status_code == 200, f"{file.name} leads to {target}"
    assert client.get(f"{ADDRESS}/sweeps.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize("name", ["record_page.py", "..%2FREADME.md", "%2Fetc%2Fpasswd", "nothing.md"])
def test_nothing_else_is_served(client, name):
    answer = client.get(f"{ADDRESS}/{name}")
    assert "import" not in answer.text and "root:" not in answer.text and "sdk_version" not in answer.text


def test_html_in_a_page_is_text_and_headings_are_anchors():
    shown = page_html("# A <b>title</b>\n<!-- a remark -->\n## How large, really?\n\n<script>x</script>\n")
    assert "<script>" not in shown and "<b>" not in shown and "remark" not in shown
    assert 'id="how-large-really"' in shown


def test_without_the_folder_there_is_no_page(tmp_path):
    server = FastAPI()
    before = len(server.router.routes)
    serve_documentation(server, tmp_path)
    assert len(server.router.routes) == before
