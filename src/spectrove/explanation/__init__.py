"""Explain: why an answer is what it is, as data, sentences, figures and a page.

evidence     Evidence: the answer with neighbours, measurements and origin
panel        what a kind of light adds as data: measurements, sentences, tables, figures; measured an object with them
sentences    the sentence that says why, and the cautions
argument     the alternative, the stability of the answer, why not another; influence, saliency, against are its data
question     classification repeated with a change; space the coordinates of distances; bands the named regions
citations    what to cite, works the references; links where to look
followup     the list of a hunt; expectations its purity and completeness
plots        spectra over their neighbours; gallery the figures of a hunt
report       write_report, write_hunt_report: one self-contained HTML page; rows and tables what its tables hold

Nothing is imported here: `evidence` and `sentences` must not cost the time that matplotlib takes to load.
"""
