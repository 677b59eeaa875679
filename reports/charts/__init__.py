"""The drawings: values in, inline SVG out."""
