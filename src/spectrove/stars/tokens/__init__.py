"""Any quantity of a star from any others: a Transformer on tokens (after Leung & Bovy 2024, MNRAS 527, 1494).

A token is a quantity by name, with its value and error: a coefficient of Gaia's BP, a colour, a label, extinction,
parallax. What is not known is absent. One network answers every question of the kind "given these, what is that?".

vocabulary.py  the tokens, and how their values are brought to numbers of about one
mixture.py     Gaussians that the network starts from
model.py       the network
training.py    how it learns: other known and wanted tokens at every step
recipe.py      the numbers of both
mock.py        stars to learn from
infer.py       what users ask
spectra.py     what BP would see of a spectrum
estimator.py   labels of spectra, for `estimate --by tokens`
encoder.py     vectors of stars for a base, the kind `star_tokens`
"""
