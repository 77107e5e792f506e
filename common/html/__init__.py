"""Makes self-contained HTML pages and SVG figures for every report."""
