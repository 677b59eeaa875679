"""A badge: two words on two colours, as one SVG that needs nothing else."""

from xml.sax.saxutils import escape

COLOURS = {"passing": "#2da44e", "failing": "#cf222e", "not run": "#6e7781"}
"""By word, what is right of the label; anything else is grey, too."""
CHARACTER_PX = 6.6
PADDING_PX = 12


def badge(label: str, word: str) -> str:
    """Return the badge's SVG; the same words give the same bytes."""
    left, right = (round(len(text) * CHARACTER_PX) + PADDING_PX for text in (label, word))
    colour = COLOURS.get(word.partition(":")[0], COLOURS["not run"])
    whole, name = left + right, escape(f"{label}: {word}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f'aria-label="{name}"><title>{name}</title>'
        f'<rect width="{left}" height="20" fill="#24292f"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(word)}</text></g></svg>\n'
    )
