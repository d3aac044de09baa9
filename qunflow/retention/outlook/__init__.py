"""What is ahead: how a cohort will dwindle, and who may leave next, each with how sure that is."""
