"""Who is who: users, their addresses, their sessions, and the tokens that tell the other contexts who asks.

What shapes this context:

- A stranger learns nothing about an address. Registering, asking for a mail and failing to log in answer alike and take alike whether it has an
  account or not; what differs is told by mail, to its owner.
- Whoever reads the mail of an address owns the account, so nothing is signed in before the address is verified.
- What is secret rests as a hash (argon2id for passwords, SHA-256 for what cannot be guessed), and in no event, reply store or log.
- Access tokens live a quarter of an hour and are verified anywhere with public keys alone; what lasts is the session, in the database, with its
  counted generations of refresh tokens.
- A registration is a saga over three contexts (`domain/registration.py`). The account works from its first transaction on; whatever else belongs to
  it is asked for until it is there, or given up, compensated and told to the administrators.
- Mail leaves between transactions. Its token is derived from the intent to send it, its hash stored before it goes: a mail repeated after a
  crash is the same mail, and its link works whichever copy is read.
"""
