"""Delivery of e-mails: over SMTP, Amazon SES, or into a Maildir where there is no mail server. None is sent to suppressed addresses (`guarded`).

The package delivers finished e-mails. What they say is decided by the contexts, their layout by `functions.wire.email_layout`.
"""
