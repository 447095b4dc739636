"""Whether a page is well-formed HTML that refers to nothing outside of itself."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "input", "img", "path", "rect", "circle"}
OPTIONAL = {"td", "th", "tr", "tbody", "thead", "li", "p", "dt", "dd", "option"}
"""Elements whose end tag may be left out."""

ENDS = {
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tr": {"td", "th", "tr"},
    "tbody": {"td", "th", "tr", "thead"},
}
"""What an opening tag ends."""


class Page(HTMLParser):
    """Reads a page: `problems` says what is wrong; `ids`, `tags`, `texts` what is there."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: dict[str, int] = {}
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self._open if tag not in OPTIONAL]
        self.problems += [f"id {each} twice" for each in {i for i in self.ids if self.ids.count(i) > 1}]
        self.problems += [f"no id {each}" for each in self.references if each not in set(self.ids)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if len({name for name, _ in attrs}) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        for name, value in attrs:
            value = value or ""
            self.attributes.append((name, value))
            if name == "id":
                self.ids.append(value)
            elif name in ("aria-labelledby", "aria-describedby", "for"):
                self.references += value.split()
            elif name in ("href", "src", "action", "data", "xlink:href"):
                if not value.startswith("#"):
                    self.problems.append(f"{name} to {value[:80]}")
                self.references.append(value[1:])
            elif name in ("data-copy", "data-csv"):
                self.references.append(value)
            elif name == "style" or name.startswith("on"):
                self.problems.append(f"attribute {name} on <{tag}>")
        while self._open and self._open[-1] in ENDS.get(tag, ()):
            self._open.pop()
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self._open and self._open[-1] != tag and self._open[-1] in OPTIONAL:
            self._open.pop()
        if not self._open or self._open[-1] != tag:
            self.problems.append(f"</{tag}> ends {self._open[-1:] or 'nothing'} at {self.getpos()}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)
