"""How long exact reasons take, and how exact they are, beside LightGBM, shap and other peers in the same run.

Here: the models that are explained (`models`), the clocks (`clock`), what is measured of one model (`measure`), what
was asked for (`goals`), peers in an interpreter of their own (`peers`, which runs ``benchmarks/peers.py``), and the
tables (`tables`). Next door: the whole service (`benchmarks.serve`), features (`benchmarks.features`), and the page
that shows it all (`benchmarks.performance`).
"""
