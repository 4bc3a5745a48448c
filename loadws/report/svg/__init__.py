"""Charts as inline SVG, by presentation attributes alone: whole without scripts and without styles.

The modules here know nothing of a run. Every colour is written ``var(--name, #rrggbb)``, so it follows the page's light or
dark palette where styles are allowed, and is the light palette's colour where they are blocked.
"""
