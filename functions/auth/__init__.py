"""Users, their registration, e-mail addresses, sessions and access tokens.

Invariants:

- No answer and no response time reveals whether an address has an account. Registration, requests for a verification
  e-mail and failed logins are the same for known and unknown addresses; details go by e-mail to the owner of the
  address.
- An account belongs to whoever reads the e-mail of its address: the link sets the password, nobody signs in before, and an
  account that nobody verifies is deleted.
- A new password by a link ends every session and link of an account. Another address is confirmed at both ends. Sensitive
  changes need the current password and are notified by e-mail.
- A deleted account can be restored within a grace period. Then its row is deleted, and `user.deleted` tells the other
  contexts to delete what they hold of the user.
- Secrets are stored as hashes only (argon2id for passwords, SHA-256 for random tokens) and appear in no event, stored
  reply or log.
- Access tokens expire after 15 minutes, and are refused once their session has ended. The session behind them is a
  database row that counts the generations of its refresh tokens.
- Registration is a saga over three contexts (`domain/registration.py`). The account works after the first transaction;
  the other steps are repeated until they succeed, or compensated and reported to the administrators.
- E-mails are sent between transactions. The token in a verification e-mail is derived from the intent to send it and
  its hash is stored before the e-mail leaves, so an e-mail that is sent twice after a crash carries the same working
  link.

Not owned here: customers, plans and payment accounts (billing), quotas (deploy).
"""
