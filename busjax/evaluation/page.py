"""The pieces of a self-contained HTML page: every text is escaped, every picture is inside the file."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from matplotlib.figure import Figure

from busjax.evaluation.figures import png_bytes

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
$notice
<nav>$contents</nav>
$sections
</main>
</body>
</html>
""")

_STYLE = """
:root { color-scheme: light dark; --text: #1c2127; --soft: #5a6472; --line: #d9dee5; --back: #ffffff;
  --stripe: #f4f6f8; --accent: #0b62a4; --warn: #8a4b00; --warn-back: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e7eb; --soft: #a3adba; --line: #3a424d; --back: #16191d;
  --stripe: #1f242a; --accent: #6cb6f5; --warn: #ffc877; --warn-back: #3a2a10; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .8rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
nav { color: var(--soft); font-size: .9rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
p { max-width: 75ch; margin: .5rem 0; }
.notice { background: var(--warn-back); color: var(--warn); border-left: 4px solid currentColor;
  padding: .7rem 1rem; margin: 0 0 1rem; max-width: none; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
table.results { font-size: .85rem; width: 100%; }
table.results th, table.results td { padding: .3rem .4rem; }
table.results td:first-child { white-space: nowrap; }
table.facts th { text-align: left; vertical-align: top; white-space: nowrap; color: var(--soft); }
table.facts td { text-align: left; overflow-wrap: anywhere; }
tr.ours td { background: var(--stripe); font-weight: 600; }
tr.ours td small { font-weight: 400; }
tr.published td { color: var(--soft); }
table.results tr.published td:first-child { padding-left: 1.4rem; }
td small { display: block; color: var(--soft); font-size: .78rem; white-space: nowrap; }
.warn { color: var(--warn); font-weight: 700; }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: .6rem; padding: 0 .45rem;
  font-size: .75rem; white-space: nowrap; }
.note { color: var(--soft); font-size: .85rem; max-width: none; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { margin: .6rem 0; max-width: 100%; }
figure img { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line);
  border-radius: 4px; }
figcaption { color: var(--soft); font-size: .85rem; max-width: 75ch; margin-top: .3rem; }
pre { background: var(--stripe); border: 1px solid var(--line); border-radius: 4px; padding: .7rem 1rem;
  overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0 0 0 1.2rem; max-width: 75ch; }
@media print { :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --back: #fff; --stripe: #f2f2f2;
  --accent: #000; --warn: #000; --warn-back: #fff; } nav { display: none; } body { font-size: 11px; }
  main { padding: 0; max-width: none; } figure, table, dl div { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; } .figures { display: block; } .figures figure { display: inline-block; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading (plain text) and its content (HTML)."""

    anchor: str
    heading: str
    content: str


def page(title: str, sections: Sequence[Section], *, notice: str = "") -> str:
    """The whole page; `notice` (plain text) stands out at its top."""
    return _PAGE.substitute(
        title=escape(title),
        style=_STYLE,
        notice=f'<p class="notice">{escape(notice)}</p>' if notice else "",
        contents=" · ".join(f'<a href="#{escape(part.anchor)}">{escape(part.heading)}</a>' for part in sections),
        sections="\n".join(
            f'<section id="{escape(part.anchor)}">\n<h2>{escape(part.heading)}</h2>\n{part.content}\n</section>'
            for part in sections
        ),
    )


def paragraph(text: str, *, note: bool = False) -> str:
    """A paragraph of plain text; a note is set small."""
    opening = '<p class="note">' if note else "<p>"
    return f"{opening}{escape(text)}</p>" if text else ""


def facts(values: Mapping[str, object]) -> str:
    """A two-column table of names and values."""
    rows = "\n".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in values.items())
    return f'<table class="facts">\n{rows}\n</table>'


def picture(figure: Figure, *, alternative: str, caption: str = "") -> str:
    """A figure as a PNG inside the page, with a text for readers who cannot see it."""
    data = base64.b64encode(png_bytes(figure)).decode("ascii")
    # Drawn at 120 dots per inch, shown at 96 (the size of a CSS inch), so that it stays sharp on a dense display.
    width = round(96 * figure.get_figwidth())
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img alt="{escape(alternative)}" width="{width}" src="data:image/png;base64,{data}">{below}</figure>'
    )
