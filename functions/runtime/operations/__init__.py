"""Functions that every context has, declared once: `auth.dead_letters`, `billing.dead_letters`, …

Each reads and writes its own context's database; `{context}` in a route becomes the context's name. All but `health` are for admins.
"""
