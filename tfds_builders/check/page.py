"""What the check puts on its page: tables, and images side by side, all inside the file."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import UInt8
from PIL import Image

THUMBNAIL_WIDTH = 240
THUMBNAIL_HEIGHT = 180

STYLE = """
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: bottom; }
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
@media (max-width: 640px) { .cards { grid-template-columns: 1fr; } }
@media print { :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --back: #fff; --stripe: #fff;
  --accent: #000; --warn: #000; } nav { display: none; }
  body { font-size: 11px; } main { padding: 0; max-width: none; } }
"""


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
