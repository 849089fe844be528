"""The contract suite: what every action owes whoever uses it, checked one by one.

Each check is a function of a `Subject`, the action with its examples; it raises `BreachError` with what was found and
what to write instead, or `NotCheckedError` when it has nothing to go by. `suite.CHECKS` has all of them.
"""
