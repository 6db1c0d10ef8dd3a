"""The look of a report: colours for light and dark, and the one style sheet. No text, no numbers.

Colours are named by what they mean: in plots a hue stands for a depth m, in those of `bench` for a contender. Hues are
those of Okabe & Ito (2008), told apart with every common colour blindness, darkened for a white page and lightened for
a dark one; markers repeat them.
"""

COLOURS = {  # name: (on white, on dark)
    "depth-1": ("#0067a8", "#5db7f0"),
    "depth-2": ("#a86400", "#f0a830"),
    "depth-3": ("#007d5e", "#2fc496"),
    "depth-6": ("#a23a86", "#e58cc8"),
    "depth-other": ("#b8460e", "#f2845c"),
    "paper": ("#6b717b", "#989fab"),
    "rule": ("#e1e3e8", "#343842"),
    "ink": ("#1d2129", "#e4e6eb"),
    "soft": ("#596070", "#a5acb9"),
    "page": ("#ffffff", "#16181d"),
    "panel": ("#f6f7f9", "#1e2128"),
}


def variables(shade: int) -> str:
    """The colours as CSS variables, light (0) or dark (1)."""
    return " ".join(f"--{name}: {shades[shade]};" for name, shades in COLOURS.items())


STYLE = (
    f"""
:root {{ color-scheme: light dark; {variables(0)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables(1)} }} }}
@media print {{ :root {{ color-scheme: light; {variables(0)} }} }}
"""
    + """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 1.0625rem/1.6 Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, "Liberation Serif", serif; }
main { max-width: 80rem; margin: 0 auto; padding: 3.5rem 2rem 5rem; }
h1, h2, h3, nav, table, figcaption, svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 1.25rem; }
h2 { font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; margin: 4rem 0 .75rem; padding-top: 1.25rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 2.5rem 0 .5rem; }
p, ul { max-width: 44rem; margin: 0 0 1rem; }
ul { padding-left: 1.2rem; }
li { margin-bottom: .4rem; }
li::marker { color: var(--soft); }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .2em; }
nav { font-size: .9rem; margin: 1.75rem 0 0; }
nav a { display: inline-block; margin: 0 1.25rem .25rem 0; }
.name { white-space: nowrap; }
figure.table { max-width: none; margin: 1.25rem 0 2rem; break-inside: auto; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--depth-1); }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; font-variant-numeric: tabular-nums lining-nums;
  border-bottom: 1px solid var(--soft); margin-bottom: .6rem; }
th, td { text-align: left; padding: .42rem .9rem; vertical-align: baseline; font-weight: 400; white-space: nowrap; }
th:first-child { padding-left: .25rem; position: sticky; left: 0; background: var(--page); }
th:last-child, td:last-child { padding-right: .25rem; }
thead th { vertical-align: bottom; font-weight: 600; white-space: normal; max-width: 8.5rem;
  border: solid var(--soft); border-width: 1px 0; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
.long { white-space: normal; min-width: 20rem; overflow-wrap: break-word; }
.number { text-align: right; }
.beside, .below, .missing { color: var(--soft); }
.beside { display: inline-block; min-width: 3.4em; text-align: left; }
.below { display: block; font-size: .8125em; white-space: normal; }
.missing { font-style: italic; font-size: .93em; }
.best { font-weight: 700; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); gap: 2rem 2rem;
  margin: 1.5rem 0; align-items: start; }
figure { margin: 0; max-width: 30rem; break-inside: avoid; }
figure:has(.panels) { max-width: none; }
main > figure:not(.table) { margin: 1.25rem 0; }
figcaption { font-size: .875rem; line-height: 1.5; color: var(--soft); max-width: 44rem; }
figcaption b { color: var(--ink); font-weight: 600; }
figure svg { display: block; width: 100%; height: auto; color: var(--ink); margin-bottom: .35rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 0 1.5rem;
  align-items: start; }
.panels svg { max-width: 26rem; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1.5rem;
  align-items: start; margin: 1.25rem 0; }
.images { display: grid; grid-template-columns: repeat(5, minmax(0, 4rem)); gap: .4rem; padding: .8rem;
  margin-bottom: .6rem; background: var(--panel); border-radius: 6px; }
.images img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 3px; }
@media (max-width: 40rem) {
  body { font-size: 1rem; }
  main { padding: 1.75rem 1.1rem 3rem; }
  h1 { font-size: 1.5rem; }
  h2 { font-size: 1.25rem; margin-top: 3rem; }
  th, td { padding: .4rem .6rem; }
  .long { min-width: 8rem; }
}
@media print {
  @page { size: A4; margin: 16mm 14mm; }
  body { font-size: 10pt; line-height: 1.45; }
  main { max-width: none; padding: 0; }
  h1 { font-size: 18pt; } h2 { font-size: 14pt; margin-top: 8mm; } h3 { font-size: 11pt; }
  h2, h3 { break-after: avoid; }
  nav { display: none; }
  p, ul { max-width: none; }
  table { font-size: 7.5pt; }
  th, td { padding: 2pt 4pt; white-space: normal; }
  .long { min-width: 0; }
  tbody th, td:has(.beside) { white-space: nowrap; }
  .scroll { overflow: visible; }
  tr, figure { break-inside: avoid; }
  thead { display: table-header-group; }
  .figures { grid-template-columns: 1fr 1fr; gap: 6mm; }
  .panels { grid-template-columns: repeat(3, 1fr); }
  .samples { grid-template-columns: repeat(auto-fit, minmax(40mm, 1fr)); gap: 5mm; }
  figcaption { font-size: 8pt; }
}
"""
)
