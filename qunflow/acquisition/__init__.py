"""
拉新: the rules that turn strangers into group members.

Everything here is a pure function of what it is given. Reading forms, asking the platform and sending are left to
``tasks.acquisition``; the order of the steps is left to ``flows.acquisition``.
"""
