"""Ablations: what each choice is worth, one figure and one table a choice.

points    what one measurement is: how queries are spoiled, how they are asked, what the encoder was trained with
plans     every ablation, as data
asking    a knowledge base, a vote, and what it is worth
trained   small encoders, one change at a time
measured  points measured once and kept
transfer  queries of other surveys
pages     tables and figures
"""
