"""
每日内容: which slots of the SOP each group has today, what they say, and how well they were delivered.

Pure rules. Rendering templates, the outbox and the short links are left to ``tasks.daily_content``.
"""
