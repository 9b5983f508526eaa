"""Access tokens, encryption of secret fields, signatures of replayed messages. Who may do what is `kernel.access`'s and the declarations'."""
