"""Objects like some examples: positives and unlabelled objects, a few negatives where there are any, and no labels.

`background.py` prepares the vectors of a base once; `comparisons.py` has the ways of comparing an object with examples;
`model.py` weighs them by how well they find each example from the others, and gives a score, the share of such objects
in the base, and a probability.

What `fit_examples` promises to those who build on it:

- `score` is a log-likelihood ratio, "like the examples" against "any object of the base"; larger is more alike. It
  depends on the vectors of the object alone, never on the batch. With more examples it becomes sharper, not longer.
- `background_score` are the scores of the base's objects in the order of `background.object_id`; an example among them
  is scored by a model without it.
- `share` is the fraction of such objects in the base with a 68% interval, `probability` the posterior probability that
  goes with it; `reason` says why it should not be taken for a calibrated one, "" if it may.
- Fitting takes less than two seconds with 20,000 objects in the base and up to some hundred examples, scoring
  milliseconds.
"""
