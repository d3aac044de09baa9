"""
Delivery: the only way out. Every message is planned, checked, approved, written down as an intent, and then sent.

What a message says is decided by the stages and the templates; how a platform is spoken to, by ``connectors``.
"""
