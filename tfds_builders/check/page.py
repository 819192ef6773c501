"""The pieces of the report's self-contained page: every text is escaped, every picture is inside the file."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from string import Template

import numpy as np
from jaxtyping import UInt8
from PIL import Image

THUMBNAIL_WIDTH = 240
THUMBNAIL_HEIGHT = 180

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
<nav>$contents</nav>
$sections
</main>
</body>
</html>
""")

_STYLE = """
:root { color-scheme: light dark; --text: #1c2127; --soft: #5a6472; --line: #d9dee5; --back: #ffffff;
  --stripe: #f4f6f8; --accent: #0b62a4; --warn: #8a4b00; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e7eb; --soft: #a3adba; --line: #3a424d; --back: #16191d;
  --stripe: #1f242a; --accent: #6cb6f5; --warn: #ffc877; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .8rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
nav { color: var(--soft); font-size: .9rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
p { max-width: 75ch; margin: .5rem 0; }
.note { color: var(--soft); font-size: .85rem; max-width: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: .9rem; }
.cards.single { grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .6rem; background: var(--stripe);
  break-inside: avoid; }
.card p { margin: 0 0 .4rem; font-size: .85rem; }
.card div { display: flex; gap: .6rem; align-items: flex-start; }
figure { margin: 0; flex: 1 1 0; min-width: 0; }
figure img { display: block; max-width: 100%; height: auto; background: #000; border-radius: 3px; }
figcaption { font-size: .8rem; color: var(--soft); margin-top: .3rem; overflow-wrap: anywhere; }
figcaption b { color: var(--text); }
.warn { color: var(--warn); font-weight: 700; }
@media (max-width: 640px) { .cards { grid-template-columns: 1fr; } }
@media print { :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --back: #fff; --stripe: #fff;
  --accent: #000; --warn: #000; } nav { display: none; }
  body { font-size: 11px; } main { padding: 0; max-width: none; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading (plain text) and its content (HTML)."""

    anchor: str
    heading: str
    content: str


def page(title: str, sections: Sequence[Section]) -> str:
    """The whole page."""
    return _PAGE.substitute(
        title=escape(title),
        style=_STYLE,
        contents=" · ".join(f'<a href="#{escape(part.anchor)}">{escape(part.heading)}</a>' for part in sections),
        sections="\n".join(
            f'<section id="{escape(part.anchor)}">\n<h2>{escape(part.heading)}</h2>\n{part.content}\n</section>'
            for part in sections
        ),
    )


def paragraph(text: str, *, note: bool = False) -> str:
    """A paragraph of plain text; a note is set small."""
    opening = '<p class="note">' if note else "<p>"
    return f"{opening}{escape(text)}</p>"


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><caption>{escape(caption)}</caption>\n<tr>{head}</tr>\n{body}\n</table></div>'


def figure(image: UInt8[np.ndarray, "height width 3"], name: str, lines: Sequence[str]) -> str:
    """An image, shrunk, above its name and lines of plain text."""
    small = Image.fromarray(image)
    small.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT))
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    caption = "<br>".join([f"<b>{escape(name)}</b>", *map(escape, lines)])
    size = f'width="{small.width}" height="{small.height}"'
    picture = f'<img alt="{escape(name)}" {size} src="data:image/jpeg;base64,{data}">'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def card(figures: Sequence[str], warnings: Sequence[str] = (), facts: Sequence[str] = ()) -> str:
    """Figures side by side under warnings, which are set off, and facts (plain text)."""
    told = [*(f'<span class="warn">{escape(warning)}</span>' for warning in warnings), *map(escape, facts)]
    heading = f"<p>{' · '.join(told)}</p>" if told else ""
    return f'<article class="card">{heading}<div>{"".join(figures)}</div></article>'


def cards(items: Sequence[str], *, single: bool = False) -> str:
    """Cards in a grid; single ones are narrower."""
    kind = "cards single" if single else "cards"
    return f'<div class="{kind}">\n' + "\n".join(items) + "\n</div>"
