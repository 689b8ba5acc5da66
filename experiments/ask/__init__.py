"""Asking the way astronomers ask: by example, by numbers, by measurement, by review, by words, by difference.

Each part is a module with one function, `run(bench: Bench) -> Section` (both in `bench.py`), and a line of `PARTS` in
`run.py`. A part takes spectra and bases from the bench, which makes each once and keeps it in its folder; it returns
rows of plain values, which are written as NAME.json, and its tables as Markdown, which are printed, written as NAME.md
and, with --keep, put into README.md. Say in the text what the data are, the folds, draws and seeds, and what the
intervals are of. Mock and real figures never share a table.
"""
