"""What ``./run`` starts from the project itself: the demo season, one stage, and the services on loopback."""
