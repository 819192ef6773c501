"""The frame of a self-contained HTML page: every text is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from string import Template

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
nav { color: var(--soft); font-size: .9rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
p { max-width: 75ch; margin: .5rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; font-size: .9rem; }
th:first-child, td:first-child { text-align: left; }
.warn { color: var(--warn); font-weight: 700; }
.note { color: var(--soft); font-size: .85rem; max-width: none; }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading (plain text) and its content (HTML)."""

    anchor: str
    heading: str
    content: str


def page(title: str, sections: Sequence[Section], *, notice: str = "", style: str = "") -> str:
    """The whole page; `notice` (plain text) stands out at its top, `style` (CSS) goes beyond that of all pages."""
    return _PAGE.substitute(
        title=escape(title),
        style=_STYLE + style,
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
