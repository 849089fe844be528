"""The words of the product as data: definitions, problems, events, the state they fold into, answers.

Nothing here does anything but hold, check and show; everything else may import it.
"""
