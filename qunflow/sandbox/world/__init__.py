"""
The simulated community: people with traits and moods, staff with habits, and the course of their days.

Rules are pure functions of traits, mood and what was delivered (`rules`, `content`, `traits`); the rest carries them
out on the sandbox clock. The people know only what a person would: messages that reached them and links in those.
"""
