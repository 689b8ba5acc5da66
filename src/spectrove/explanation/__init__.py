"""Explain: why an answer is what it is, as data, sentences, figures and a page.

evidence     Evidence: the answer with neighbours, measured lines and origin
diagnostics  line ratios with errors or limits, and the [N II] diagram
sentences    the sentence that says why, and the cautions
argument     the alternative, the stability of the answer, why not another; influence, saliency, against are its data
question     classification repeated with a change; space the coordinates of distances; bands the named regions
citations    what to cite; links where to look; followup the list of a hunt; expectations its purity and completeness
plots        spectra over their neighbours; bpt_plot the diagram; gallery the figures of a hunt
report       write_report, write_hunt_report: one self-contained HTML page

Nothing is imported here: `evidence` and `sentences` must not cost the time that matplotlib takes to load.
"""
