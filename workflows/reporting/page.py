"""The page of 'eddyline report': its style, and its parts in order."""
import base64
import html
import os

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #21262f; max-width: 76rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #c3c8d0; } h3 { margin-bottom: .3rem; }
nav a { margin-right: 1.2em; } a { color: #2a6f97; } img { max-width: 100%; display: block; }
table { border-collapse: collapse; margin: .7rem 0; display: block; overflow-x: auto; }
th, td { padding: .18rem .8rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e9ecef; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: .5rem 0; } pre { background: #f4f6f8; padding: .8rem; overflow-x: auto; font-size: 13px; }
.missing { background: #fff6e5; padding: .5rem .8rem; } .note { color: #546a7b; font-size: 14px; }
.bar { display: inline-block; height: .75em; background: #2a6f97; }
"""


def escaped(text):
    return html.escape(str(text))


class Page:
    """Collects the page's parts and writes its pictures beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.parts = []
        self.files = set()  # names of the pictures, in small letters

    def add(self, text):
        self.parts.append(text)

    def note(self, text):
        self.add(f'<p class="note">{escaped(text)}</p>')

    def missing(self, run, what, command):
        self.add(f'<p class="missing">{escaped(run["name"])} has no {escaped(what)}; this makes it: '
                 f"<code>{escaped(command)}</code></p>")

    def picture(self, name, data, caption):
        """name: of the file, with a number where another picture has it; data: PNG or GIF."""
        stem, ending = os.path.splitext(name)
        number = 1
        while name.lower() in self.files:
            number += 1
            name = f"{stem}_{number}{ending}"
        self.files.add(name.lower())
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)
        self.add(f'<figure><img alt="{escaped(caption)}" src="data:image/{name[-3:]};base64,{base64.b64encode(data).decode()}">'
                 f"<figcaption class=note>{escaped(caption)}</figcaption></figure>")

    def table(self, heads, rows, numbers_from=1):
        """rows: lists of cells; columns from `numbers_from` on are set to the right."""
        def cell(tag, column, text):
            kind = ' class="number"' if column >= numbers_from else ""
            return f"<{tag}{kind}>{text if isinstance(text, Markup) else escaped(text)}</{tag}>"

        lines = ["<tr>" + "".join(cell("th", i, h) for i, h in enumerate(heads)) + "</tr>"]
        lines += ["<tr>" + "".join(cell("td", i, c) for i, c in enumerate(row)) + "</tr>" for row in rows]
        self.add("<table>" + "\n".join(lines) + "</table>")


class Markup(str):
    """Text that is HTML already."""
