"""What the report puts on its page: tables of facts, and figures inside the file."""

import base64
from collections.abc import Mapping
from html import escape

from matplotlib.figure import Figure

from busjax.evaluation.figures import png_bytes

STYLE = """
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
.notice { background: var(--warn-back); color: var(--warn); border-left: 4px solid currentColor;
  padding: .7rem 1rem; margin: 0 0 1rem; max-width: none; font-weight: 600; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; vertical-align: bottom; }
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
.badge { display: inline-block; border: 1px solid currentColor; border-radius: .6rem; padding: 0 .45rem;
  font-size: .75rem; white-space: nowrap; }
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
