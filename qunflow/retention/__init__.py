"""
Retention 留存: who is still there, who still moves, and which group needs a person's eye.

Everything here is a rule: Ibis expressions over the event history, frozen values and arithmetic. Which engine runs an
expression, what time it is and where figures are kept are decided by the callers.
"""
