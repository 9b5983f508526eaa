"""Delivery of e-mails: over SMTP, or into a Maildir where there is no mail server.

The package delivers finished e-mails. What they say is decided by the contexts, their layout by `functions.wire.email_layout`.
"""
