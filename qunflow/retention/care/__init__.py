"""What to do about it: alarms, the pushes before them, where a group stands in its life, whom to win back."""
