"""Retention carried on from day to day: sums over people that a run takes away and adds again for whom it touches."""
