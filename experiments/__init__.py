"""Everything that is measured about Spectrove: tables, studies, the paper's figures, the demo. Not part of the wheel.

table.py      all of it by name, with the module that runs it
baselines/    methods that Spectrove is compared with
samples/      spectra with known answers: mocks, real ones, injected ones
encoders/     every method, task and kind of spectra in one table
studies/      how good one kind of answer is
paper/        what the paper's tables and figures share; each is a folder of its own
ablations/    what each design choice is worth
demo.py       three hunts on a mock survey
demo_stars.py a mock survey of stars, read in every way there is
"""
