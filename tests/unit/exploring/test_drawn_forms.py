"""A picture as SVG, HTML, DOT, Mermaid and text: well formed, and safe whatever the names are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from explored import RECIPE, unknown_operations

from small_recipes import study_of
from specc.drawing import svg
from specc.drawing.dot import as_dot
from specc.drawing.fold import Edge, Node, Picture, fold
from specc.drawing.mermaid import as_mermaid
from specc.drawing.outline import as_text
from specc.drawing.page import as_page
from specc.drawing.svg import as_svg
from specc.errors import QueryError

EVIL = '</script></title><script>alert(1)</script>"]--> \\" `x` &amp; {{ 7 * 7 }} \x1b[31m\u202e'
"""What ends or opens something in each of the forms, a template, and signs that steer a terminal."""


def evil() -> Picture:
    nodes = (
        Node("train", EVIL, (EVIL,), ["a"], 0, (), (EVIL, "b"), {EVIL: (EVIL,)}),
        Node("</g><script>", "plain", (), ["b"]),
    )
    return Picture(EVIL, EVIL, nodes, (Edge(0, 1, "flow", 1),), 2, 0, (EVIL,))


class Tags(HTMLParser):
    """Names and contents of the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags:
            self.texts.setdefault(self.tags[-1][0], []).append(data)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    return fold(study_of(tmp_path, RECIPE), ())


def test_svg_is_xml_with_a_group_for_each_node_and_edge(picture: Picture) -> None:
    root = ElementTree.fromstring(as_svg(picture))
    groups = [each.get("id", "") for each in root.iter("{http://www.w3.org/2000/svg}g") if each.get("id")]
    assert sum(group.startswith("n") for group in groups) == len(picture.nodes)
    assert sum(group.startswith("e") for group in groups) == len(picture.edges)
    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"pretrain", "2 early x 2 seeds = 4 steps", "train, 4 to do"}


def test_svg_says_the_state_in_words_and_by_a_sign(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE)
    done = {step.key for step in study.steps if step.op == "prepare"}
    text = as_svg(fold(study, done))
    assert "prepare, done" in text
    assert "train, 4 to do" in text
    assert svg.SIGNS["done"] in text
    assert svg.SIGNS["todo"] in text


def test_foreign_names_stay_text_in_svg() -> None:
    root = ElementTree.fromstring(as_svg(evil()))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    titles = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("<script>alert(1)</script>" in title for title in titles)


def test_foreign_names_stay_text_in_a_page() -> None:
    page = as_page(evil())
    found = Tags(page)
    scripts = [attributes for tag, attributes in found.tags if tag == "script"]
    assert [script.get("type") for script in scripts] == ["application/json", None]
    assert "49" not in found.texts["h1"]
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert data["nodes"][0][1] == EVIL


def test_a_page_asks_nothing_of_the_network_and_runs_only_its_own_code(picture: Picture) -> None:
    page = as_page(picture)
    found = Tags(page)
    assert not [tag for tag, _ in found.tags if tag in ("link", "img", "iframe", "object", "base", "form")]
    assert not [attributes for _, attributes in found.tags if "src" in attributes or "href" in attributes]
    assert not [a for _, a in found.tags if any(name.startswith("on") or name == "style" for name in a)]
    policy = next(a["content"] for _, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[-1 if tag == "script" else 0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy, tag


def test_a_page_has_the_parameters_of_each_node(picture: Picture) -> None:
    data = json.loads(re.search(r'id="data">(.*?)</script>', as_page(picture), re.DOTALL)[1])  # type: ignore[index]
    number = [node[1] for node in data["nodes"]].index("posttrain")
    table = dict(data["tables"][data["nodes"][number][-1]])
    assert table["schedule"] == "constant(peak = 0.0005)"
    assert len(data["edges"]) == len(picture.edges)


def test_strings_of_dot_end_where_they_should() -> None:
    text = as_dot(evil())
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "S", text)
    assert '"' not in outside
    assert "script" not in outside
    assert "n0 -> n1" in outside


def test_labels_of_mermaid_hold_no_sign_that_means_something() -> None:
    text = as_mermaid(evil())
    labels = re.findall(r'"([^"]*)"', text)
    assert labels
    for label in labels:
        assert not set(label.replace("<br/>", "")) & set("<>\"'`[]{}()\\|*_&\n")
    assert len(text.splitlines()) == 1 + 2 + 1 + 3


def test_names_of_a_foreign_study_are_safe_in_every_form() -> None:
    study = unknown_operations()
    steps = tuple(replace(step, label=f"{EVIL}/{step.key[:3]}", op=EVIL) for step in study.steps)
    arms = tuple(replace(arm, recipe=EVIL + str(arm.arm), label=EVIL + str(arm.arm)) for arm in study.arms)
    foreign = study.model_copy(update={"experiment": EVIL, "description": EVIL, "steps": steps, "arms": arms})
    drawn = fold(foreign, (), ["recipe"])
    for write in (as_svg, as_page, as_dot, as_mermaid, as_text):
        text = write(drawn)
        assert not set(text) & {"\x1b", "\u202e"}, write
    ElementTree.fromstring(as_svg(drawn))
    assert len([tag for tag, _ in Tags(as_page(drawn)).tags if tag == "script"]) == 2


def test_text_has_a_line_for_each_node_with_what_it_comes_from(picture: Picture) -> None:
    lines = as_text(picture).splitlines()
    assert lines[0] == "small: 20 steps, 0 done; folded over early, seed"
    assert lines[1:] == [
        "[ ] init     tiny; 2 seeds",
        "[ ] prepare  web",
        "[ ] prepare  skill",
        "[ ] train    pretrain; 2 early x 2 seeds = 4 steps  <- tiny, web, skill",
        "[ ] train    posttrain; 2 early x 2 seeds = 4 steps  <- pretrain, skill",
        "[ ] eval     fit after pretrain; 2 early x 2 seeds = 4 steps  <- pretrain, skill",
        "[ ] eval     fit after posttrain; 2 early x 2 seeds = 4 steps  <- posttrain, skill",
    ]


def test_more_nodes_than_a_browser_shows_are_refused() -> None:
    nodes = tuple(Node("train", str(n), (), [str(n)]) for n in range(svg.MOST_DRAWN + 1))
    with pytest.raises(QueryError, match="at most 20,000 are drawn"):
        as_svg(Picture("p", "", nodes, (), len(nodes), 0, ()))
