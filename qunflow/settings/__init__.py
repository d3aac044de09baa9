"""
What a person configures: the workspace file, the environment and the parameters of a run.

Reading and checking live here; what the settings mean for a stage is that stage's own business.
"""
