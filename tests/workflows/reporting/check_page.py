"""Checks that a page needs no other file: check_page.py PAGE.html PICTURES SECTION…

Its pictures are PNG or GIF that decode whole, nothing is loaded, no tag is left from a name, ids are the sections."""
import base64
import html.parser
import io
import re
import sys

from PIL import Image

VOID = {"img", "meta", "link", "br"}
LOADED = {"src", "srcset", "data", "poster", "action", "background"}


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.pictures, self.problems = [], [], [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            is_inside = value.startswith("data:" if name in LOADED or tag == "link" else ("data:", "#"))
            if name in LOADED | {"href"} and not is_inside or name.startswith("on"):
                self.problems.append(f"{tag} {name}={value[:60]}")
            if name == "id":
                self.ids.append(value)
            if tag == "img" and name == "src":
                self.pictures.append(value)
        if tag in {"script", "iframe", "object", "b"}:
            self.problems.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")


def main():
    path, pictures, *sections = sys.argv[1:]
    text = open(path, encoding="utf-8").read()
    checker = Checker()
    checker.feed(text)
    assert not checker.problems, checker.problems
    assert not checker.open, checker.open
    assert not re.search(r"url\(|@import", text), "the style loads something"
    assert checker.ids == sections, checker.ids
    assert len(checker.pictures) == int(pictures), len(checker.pictures)
    for picture in checker.pictures:
        kind, data = re.fullmatch(r"data:image/(png|gif);base64,(.*)", picture).groups()
        image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        assert image.format.lower() == kind, image.format
        image.load()
        colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
        assert image.width > 200 and len(colours) > 10, (image.size, len(colours))
        if kind == "gif":
            assert image.n_frames > 1, "it does not move"
    print("the page is whole")


main()
