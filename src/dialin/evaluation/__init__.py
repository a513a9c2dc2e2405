"""Measuring how good results are, and what the measures mean.

``metrics``    how far a prediction is from the truth
``protocols``  generators of items: input, reference, truth
``methods``    what answers them: baselines, searches, peers, slots for others' systems
``referee``    renders and measures answers; ``runner`` does so in parallel, ``rows`` keeps results
``tables``, ``figures``, ``report``  what is made of rows
``listening``  MUSHRA tests for people
"""
